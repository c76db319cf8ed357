package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// Report is the result of a run.
type Report struct {
	Seed                 uint64
	Events, Deliveries   int64 // committed rows of the outbox; events that clients processed
	Clients, NodeClients int
	Connections          int // made by all clients
	Revocations          int
	Starts               int64 // of nodes
	Faults               map[FaultKind]int
	Took                 time.Duration
	Dir                  string // of the nodes' logs

	Findings map[checker.Kind]int
	First    []checker.Finding // the first of them
}

func (r *run) report(committed int64) *Report {
	report := &Report{
		Seed: r.cfg.Seed, Events: committed, Deliveries: r.delivered.Load(), Clients: r.cfg.Clients,
		NodeClients: r.cfg.NodeClients,
		Faults:      r.faults, Took: time.Since(r.began), Dir: r.cfg.Dir, Findings: r.verdict.counts, First: r.verdict.first,
	}
	for _, t := range r.trackers() {
		report.Connections += len(t.connections)
		report.Revocations += len(t.revocations)
	}
	for _, n := range r.nodes {
		report.Starts += n.starts.Load()
	}
	return report
}

// Passed says that there are no findings.
func (r *Report) Passed() bool { return len(r.Findings) == 0 }

func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b,
		"seed %d: %d events, %d deliveries to %d clients and %d under Node over %d connections, %d revocations, %d starts of nodes, %s\n",
		r.Seed, r.Events, r.Deliveries, r.Clients, r.NodeClients, r.Connections, r.Revocations, r.Starts,
		r.Took.Round(time.Second))
	for _, kind := range FaultKinds() {
		if n := r.Faults[kind]; n > 0 {
			fmt.Fprintf(&b, "%6d  %s\n", n, kind)
		}
	}
	if r.Passed() {
		b.WriteString(
			"PASSED: every committed event came to everybody entitled to it, once, in order, and nothing else to anyone\n")
		return b.String()
	}
	kinds := make([]string, 0, len(r.Findings))
	for kind, n := range r.Findings {
		kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(kinds)
	fmt.Fprintf(&b, "FAILED: %s\nThe first of them; the nodes' logs are in %s.\n", strings.Join(kinds, ", "), r.Dir)
	for _, f := range r.First {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	return b.String()
}
