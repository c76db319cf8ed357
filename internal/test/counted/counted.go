// Package counted reads what a package has counted, as a scrape does.
package counted

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Of is [Sum] of what is a whole number.
func Of(g prometheus.Gatherer, name string, values ...string) int {
	return int(Sum(g, name, values...))
}

// Sum adds up the series of a metric that have all these values among their labels' values. Of a histogram it is how much was observed.
func Sum(g prometheus.Gatherer, name string, values ...string) (sum float64) {
	families, err := g.Gather()
	if err != nil {
		panic(err) // a metric is registered twice, or a collector is wrong
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, series := range family.GetMetric() {
			var labels []string
			for _, l := range series.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(labels, v) }) {
				sum += series.GetCounter().GetValue() + series.GetGauge().GetValue() + float64(series.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}
