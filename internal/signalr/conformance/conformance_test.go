package conformance_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// matrix is how many cases there are in each combination of transport and protocol, so that none can be lost unnoticed: a new
// case, or a new reason why one does not apply, has to be entered here.
var matrix = map[string]int{
	"WebSockets/json":        200,
	"WebSockets/messagepack": 200,
}

// TestConformance runs the table with Microsoft's clients.
func TestConformance(t *testing.T) {
	t.Parallel()
	cases := listCases(t)
	apply := map[string]int{}
	for _, c := range cases {
		for combination, why := range c.In {
			if _, ok := matrix[combination]; ok && why == "" {
				apply[combination]++
			}
		}
	}
	require.Equal(t, matrix, apply, "number of cases by combination")

	w := newWorld(t)
	for _, combination := range slices.Sorted(maps.Keys(matrix)) {
		t.Run(combination, func(t *testing.T) {
			t.Parallel()
			runCombination(t, w, combination, cases)
		})
	}
}

func runCombination(t *testing.T, w *world, combination string, cases []listedCase) {
	t.Helper()
	transport, protocol, _ := strings.Cut(combination, "/")
	d := drive(t, w.url, transport, protocol)
	for _, c := range cases {
		if why := c.In[combination]; why != "" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			done := d.begin(t, c.Name) // before Parallel, which lets few run at a time: Node runs many
			t.Parallel()
			d.await(t, w, combination+"/"+c.Name, done)
		})
	}
}
