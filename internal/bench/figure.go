package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// The percentiles that benches print.
const (
	P50 = 0.50
	P99 = 0.99
)

// Figure is one measured value. As JSON it is one line of `herald bench NAME --json`.
type Figure struct {
	Name       string         `json:"name"`
	Value      float64        `json:"value"`
	Unit       string         `json:"unit"`
	Baseline   float64        `json:"baseline"` // the same measure of the baseline
	Ratio      float64        `json:"ratio"`    // value / baseline; 0 without a baseline
	Runs       int            `json:"runs"`
	Conditions map[string]any `json:"conditions"`
}

// Print writes figures as lines of JSON, or as text for a reader.
func Print(out io.Writer, figures []Figure, asJSON bool) error {
	for _, f := range figures {
		if f.Baseline != 0 {
			f.Ratio = f.Value / f.Baseline
		}
		var err error
		switch {
		case asJSON:
			err = json.NewEncoder(out).Encode(f)
		case f.Baseline != 0:
			_, err = fmt.Fprintf(out, "%-28s %9s %-10s baseline %9s  ratio %.2f  runs %d\n",
				f.Name, number(f.Value), f.Unit, number(f.Baseline), f.Ratio, f.Runs)
		default:
			_, err = fmt.Fprintf(out, "%-28s %9s %-10s runs %d\n", f.Name, number(f.Value), f.Unit, f.Runs)
		}
		if err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// number is v as text for a reader.
func number(v float64) string {
	const manyDigits = 1000
	if math.Abs(v) >= manyDigits {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// Median returns the middle value, or the mean of the two middle ones.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratios returns each value divided by its baseline, to two places.
func Ratios(values, baselines []float64) []float64 {
	r := make([]float64, len(values))
	for i := range r {
		r[i] = math.Round(100*values[i]/baselines[i]) / 100 //nolint:mnd // two places
	}
	return r
}

// Sample is a set of durations.
type Sample []time.Duration

// Percentile returns the duration below which the share p of the sample lies, in milliseconds (nearest rank).
func (s Sample) Percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := max(int(math.Ceil(p*float64(len(sorted)))), 1)
	return float64(sorted[rank-1]) / float64(time.Millisecond)
}

// Mean is the mean of the sample.
func (s Sample) Mean() float64 {
	if len(s) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return float64(sum) / float64(len(s)) / float64(time.Millisecond)
}

// ValuesOf returns one value of each element.
func ValuesOf[T any](all []T, what func(T) float64) []float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = what(all[i])
	}
	return values
}
