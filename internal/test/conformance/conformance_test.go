package conformance_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// matrix is how many cases there are in each combination of transport and protocol, so that none is lost unnoticed. A
// new case, or a new reason why one does not apply, must be entered here.
var matrix = map[string]int{
	"WebSockets/json":         204,
	"WebSockets/messagepack":  204,
	"ServerSentEvents/json":   176,
	"LongPolling/json":        173,
	"LongPolling/messagepack": 173,
	"Automatic/json":          12,
	"Automatic/messagepack":   12,
}

// processes is how many Node processes run at a time. A case mostly waits, but not for long: a busier machine makes
// it late.
const processes = 3

// slots are taken by the processes of all tests together.
var slots = make(chan struct{}, processes)

// TestConformance runs the table with Microsoft's clients.
func TestConformance(t *testing.T) {
	t.Parallel()
	conform(t, 1, nil)
}

// elsewhere are the cases that do not apply where there are several nodes, and why.
var elsewhere = map[string]string{
	"limit/of connections of one user": "a node counts its own connections",
}

// TestConformanceOfSeveralNodes runs the table again, with three nodes behind a balancer that sends each request to
// the next.
//
// Acceptance: A-487.
func TestConformanceOfSeveralNodes(t *testing.T) {
	t.Parallel()
	conform(t, 3, elsewhere)
}

// conform runs all cases except leftOut, with so many nodes.
func conform(t *testing.T, nodes int, leftOut map[string]string) {
	t.Helper()
	cases := listCases(t)
	apply := map[string]int{}
	for _, c := range cases {
		for combination, why := range c.In {
			if why == "" {
				apply[combination]++
			}
		}
	}
	require.Equal(t, matrix, apply, "number of cases by combination")

	for name := range leftOut {
		require.True(t, slices.ContainsFunc(cases, func(c listedCase) bool { return c.Name == name }), name)
	}

	w := newWorld(t, nodes)
	for _, combination := range slices.Sorted(maps.Keys(matrix)) {
		t.Run(combination, func(t *testing.T) {
			t.Parallel()
			d := newDriver()
			for _, c := range cases {
				if c.In[combination] != "" || leftOut[c.Name] != "" {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					done := d.expect(c.Name)
					t.Parallel() // waits here until all cases that -run selects are expected
					d.await(t, w, combination+"/"+c.Name, done)
				})
			}
			transport, protocol, _ := strings.Cut(combination, "/")
			go d.run(context.WithoutCancel(t.Context()), slots, w.url, transport, protocol)
			t.Cleanup(func() { d.check(t) })
		})
	}
}
