package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentilesAreNearestRanks(t *testing.T) {
	t.Parallel()
	var s Sample
	for i := 100; i >= 1; i-- {
		s = append(s, time.Duration(i)*time.Millisecond)
	}
	require.InDelta(t, 50, s.Percentile(0.50), 0)
	require.InDelta(t, 99, s.Percentile(0.99), 0)
	require.InDelta(t, 50.5, s.Mean(), 1e-9)
	require.Zero(t, Sample(nil).Percentile(0.5))
	require.Zero(t, Sample(nil).Mean())
}

func TestTheMedianIsInTheMiddle(t *testing.T) {
	t.Parallel()
	require.Zero(t, Median(nil))
	require.InDelta(t, 2, Median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 3, Median([]float64{9, 1, 2, 4}), 0)
	values := []float64{3, 1, 2}
	Median(values)
	require.Equal(t, []float64{3, 1, 2}, values, "runs stay in their order")
	require.Equal(t, []float64{0.33, 2}, Ratios([]float64{1, 4}, []float64{3, 2}))
}

func TestAPersonReadsAFigure(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	figures := []Figure{
		{Name: "a", Value: 123456.7, Unit: "/s", Baseline: 246913.4, Runs: 5},
		{Name: "b", Value: 0.25, Unit: "s", Runs: 3},
	}
	require.NoError(t, Print(&out, figures, false))
	lines := strings.Split(out.String(), "\n")
	require.Equal(
		t, []string{"a", "123457", "/s", "baseline", "246913", "ratio", "0.50", "runs", "5"}, strings.Fields(lines[0]),
	)
	require.Equal(t, []string{"b", "0.250", "s", "runs", "3"}, strings.Fields(lines[1]))
}

// Acceptance: A-401.
func TestAFigureIsOneLineOfJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	figures := []Figure{
		{Name: "a", Value: 3, Unit: "ms", Baseline: 2, Runs: 1, Conditions: map[string]any{"events": 10}},
		{Name: "b", Value: 1, Unit: "ms", Runs: 1},
	}
	require.NoError(t, Print(&out, figures, true))
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, len(figures)+1)
	require.JSONEq(
		t, `{"name":"a","value":3,"unit":"ms","baseline":2,"ratio":1.5,"runs":1,"conditions":{"events":10}}`, lines[0],
	)
	require.JSONEq(t, `{"name":"b","value":1,"unit":"ms","baseline":0,"ratio":0,"runs":1,"conditions":null}`, lines[1])
}
