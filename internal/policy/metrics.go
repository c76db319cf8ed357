package policy

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count the questions to a [Checker] that remembers.
type Metrics struct {
	hits, misses prometheus.Counter
}

// NewMetrics returns metrics registered with r; with nil they are registered nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Metrics{
		hits:   counter("authorize_cache_hits_total", "Permissions that were known from a question of the last moments."),
		misses: counter("authorize_cache_misses_total", "Permissions that the database was asked for."),
	}
}

// remembered counts a question that was answered from memory (hit), or by the database.
func (m *Metrics) remembered(hit bool) {
	if hit {
		m.hits.Inc()
	} else {
		m.misses.Inc()
	}
}
