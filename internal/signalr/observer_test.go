package signalr_test

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/yummyzoom/herald/internal/signalr"
)

// observer reads a server's metrics.
type observer struct {
	registry *prometheus.Registry
	metrics  *signalr.Metrics
}

func newObserver() *observer {
	registry := prometheus.NewRegistry()
	return &observer{registry, signalr.NewMetrics(registry)}
}

// sum adds up the series of a metric whose labels have these values, in the order of their names.
func (o *observer) sum(name string, values ...string) (sum int) {
	o.each(name, func(labels []string, n int) {
		if slices.Equal(labels[:len(values)], values) {
			sum += n
		}
	})
	return sum
}

// each visits the series of a metric, by the values of their labels in the order of the names, without the hub's.
func (o *observer) each(name string, visit func(labels []string, n int)) {
	families, err := o.registry.Gather()
	if err != nil {
		panic(err) // cannot happen: nothing is registered twice
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, series := range family.GetMetric() {
			var labels []string
			for _, l := range series.GetLabel() {
				if l.GetName() != "hub" {
					labels = append(labels, l.GetValue())
				}
			}
			visit(labels, int(series.GetCounter().GetValue()+series.GetGauge().GetValue()))
		}
	}
}

func (o *observer) refusals(reason signalr.Refusal) int {
	return o.sum("connections_refused_total", string(reason))
}

// reasons returns the close reasons of all connections, each as often as it was counted.
func (o *observer) reasons() (all []signalr.CloseReason) {
	o.each("connections_closed_total", func(labels []string, n int) {
		all = append(all, slices.Repeat([]signalr.CloseReason{signalr.CloseReason(labels[0])}, n)...)
	})
	return all
}

// outcomes returns the outcomes of each method's invocations, sorted.
func (o *observer) outcomes() map[string][]signalr.Outcome {
	all := make(map[string][]signalr.Outcome)
	o.each("invocations_total", func(labels []string, n int) {
		all[labels[0]] = append(all[labels[0]], slices.Repeat([]signalr.Outcome{signalr.Outcome(labels[1])}, n)...)
	})
	return all
}

func (o *observer) opened() int { return o.sum("connections") + o.sum("connections_closed_total") }

func (o *observer) delayed() int { return o.sum("invocations_delayed_total") }

func (o *observer) overflows() int { return o.sum("queue_overflows_total") }

func (o *observer) messages() int { return o.sum("sent_messages_total") }

func (o *observer) bytes() int { return o.sum("sent_bytes_total") }
