package torture

import (
	"sync"

	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// shown is how many findings a report shows.
const shown = 20

// verdict collects the findings.
type verdict struct {
	mu     sync.Mutex
	first  []checker.Finding
	counts map[checker.Kind]int
}

func newVerdict() *verdict { return &verdict{counts: map[checker.Kind]int{}} }

func (v *verdict) add(f checker.Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts[f.Kind]++
	if len(v.first) < shown {
		v.first = append(v.first, f)
	}
}

// Broken is a process that did what no process may do.
const Broken checker.Kind = "broken process"

func (v *verdict) broken(process, what string) {
	v.add(checker.Finding{Kind: Broken, Client: process, Expected: "to serve until told to end", Got: what})
}
