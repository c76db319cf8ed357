package policy

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what a [Checker] that remembers is asked.
type Metrics struct {
	hits, misses prometheus.Counter
}

// NewMetrics returns metrics that r shows; nil: nobody does.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Metrics{
		hits:   counter("authorize_cache_hits_total", "Permissions that were known from a question of the last moments."),
		misses: counter("authorize_cache_misses_total", "Permissions that the database was asked for."),
	}
}

// remembered counts a question that was answered without the database (hit), or was put to it.
func (m *Metrics) remembered(hit bool) {
	if hit {
		m.hits.Inc()
	} else {
		m.misses.Inc()
	}
}
