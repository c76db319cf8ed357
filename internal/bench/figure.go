package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Figure is one measured value. As JSON it is one line of `herald bench NAME --json`.
type Figure struct {
	Name       string         `json:"name"`
	Value      float64        `json:"value"`
	Unit       string         `json:"unit"`
	Baseline   float64        `json:"baseline"` // the same measure of what it is compared with
	Ratio      float64        `json:"ratio"`    // value / baseline; 0 where there is no baseline
	Runs       int            `json:"runs"`
	Conditions map[string]any `json:"conditions"`
}

// Print writes figures as lines of JSON, or for a person.
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
			_, err = fmt.Fprintf(out, "%-28s %9.3f %-5s baseline %9.3f  ratio %.2f\n", f.Name, f.Value, f.Unit, f.Baseline, f.Ratio)
		default:
			_, err = fmt.Fprintf(out, "%-28s %9.3f %s\n", f.Name, f.Value, f.Unit)
		}
		if err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// sample is durations of which percentiles are taken.
type sample []time.Duration

// percentile returns the duration below which the share p of the sample lies, in milliseconds (nearest rank).
func (s sample) percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := max(int(math.Ceil(p*float64(len(sorted)))), 1)
	return float64(sorted[rank-1]) / float64(time.Millisecond)
}

func (s sample) mean() float64 {
	if len(s) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range s {
		sum += d
	}
	return float64(sum) / float64(len(s)) / float64(time.Millisecond)
}
