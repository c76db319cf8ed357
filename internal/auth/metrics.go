package auth

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count accepted and refused tokens and, where there is a JWK Set, its keys and fetches.
type Metrics struct {
	refused *prometheus.CounterVec

	registerer             prometheus.Registerer
	withKeys               sync.Once
	keys, ignored, fetched prometheus.Gauge
	notFetched             prometheus.Counter
}

// NewMetrics returns metrics registered with r; with nil they are registered nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	return &Metrics{registerer: r, refused: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "tokens_refused_total", Help: "Tokens that were refused, at a hub or by the API, by reason.",
	}, []string{"reason"})}
}

// countKeys adds the metrics of a JWK Set: a node without one does not show them.
func (m *Metrics) countKeys() {
	m.withKeys.Do(func() {
		gauge := func(name, help string) prometheus.Gauge {
			return promauto.With(m.registerer).NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		}
		m.keys = gauge("jwks_keys", "Keys of the issuer's JWK Set that are in use.")
		m.ignored = gauge("jwks_keys_ignored", "Keys of the issuer's JWK Set that are left out; the log says which and why.")
		m.fetched = gauge("jwks_last_fetch_timestamp_seconds", "When the JWK Set was fetched last; 0: never.")
		m.notFetched = promauto.With(m.registerer).NewCounter(prometheus.CounterOpts{
			Name: "jwks_fetch_failures_total", Help: "Fetches of the JWK Set that failed. The last keys stay in use.",
		})
	})
}
