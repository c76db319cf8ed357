package broadcast

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count the work of a [Broadcaster].
type Metrics struct {
	entries, messages, undeliverable prometheus.Counter
	resumes                          *prometheus.CounterVec
	resumedEvents                    prometheus.Counter
	resumeSeconds                    *prometheus.HistogramVec
	dropped                          *prometheus.CounterVec

	registerer prometheus.Registerer
	shown      atomic.Pointer[Broadcaster]
}

// NewMetrics returns metrics registered with r; with nil, they are not registered.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return promauto.With(r).NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &Metrics{
		registerer:    r,
		entries:       counter("broadcast_entries_total", "Log entries that this node has broadcast."),
		messages:      counter("broadcast_messages_total", "Messages queued for connections by broadcasting."),
		undeliverable: counter("broadcast_undeliverable_total", "Log entries that could not be encoded."),
		resumes: counters(
			"resumes_total", "Resumes by status (resumed, gap) and by what answered them (ring, log).", "status", "source",
		),
		resumedEvents: counter("resume_replayed_events_total", "Events that resumes have sent."),
		resumeSeconds: promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
			Name:    "resume_duration_seconds",
			Help:    "Time that a resume took.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), //nolint:mnd // 100 µs to 7 s
		}, []string{"source"}),
		dropped: counters(
			"subscriptions_dropped_total", "Subscriptions that ended otherwise than by the client's wish.", "reason",
		),
	}
}

// show registers gauges of what the broadcaster holds at the moment of a scrape.
func (m *Metrics) show(b *Broadcaster) {
	if m.shown.Swap(b) != nil || m.registerer == nil {
		return
	}
	gauge := func(name, help string, read func(*Broadcaster) float64) {
		promauto.With(m.registerer).NewGaugeFunc(
			prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return read(m.shown.Load()) },
		)
	}
	gauge(
		"broadcast_position", "The newest log position that this node has broadcast.",
		func(b *Broadcaster) float64 { return float64(b.Position()) },
	)
	gauge(
		"ring_bytes", "Memory that recent events take.",
		func(b *Broadcaster) float64 { return float64(b.Stats().RingBytes) },
	)
	gauge(
		"subscriptions", "Members of all groups on this node.",
		func(b *Broadcaster) float64 { return float64(b.Stats().Members) },
	)
}

// resumed counts a resume after which the client is joined. The source is [SourceRing] or [SourceLog].
func (m *Metrics) resumed(status, source string, replayed int, took time.Duration) {
	m.resumes.WithLabelValues(status, source).Inc()
	m.resumedEvents.Add(float64(replayed))
	m.resumeSeconds.WithLabelValues(source).Observe(took.Seconds())
}
