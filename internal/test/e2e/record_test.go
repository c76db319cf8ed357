package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// record is a growing list that a test can wait on.
type record[T any] struct {
	mu      sync.Mutex
	items   []T
	changed chan struct{} // closed by the next add
}

func (r *record[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// all returns the present items, and a channel that is closed when there are more.
func (r *record[T]) all() ([]T, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return slices.Clone(r.items), r.changed
}

// await returns the first item from the given index on that matches, and the index behind it.
func (r *record[T]) await(t *testing.T, from int, what string, matches func(T) bool) (T, int) {
	t.Helper()
	found, next := *new(T), -1
	r.awaitAll(t, what, func(items []T) bool {
		for i := min(from, len(items)); i < len(items); i++ {
			if matches(items[i]) {
				found, next = items[i], i+1
				return true
			}
		}
		return false
	})
	return found, next
}

// awaitAll waits until the whole list satisfies the condition.
func (r *record[T]) awaitAll(t *testing.T, what string, satisfies func([]T) bool) []T {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		items, changed := r.all()
		if satisfies(items) {
			return items
		}
		select {
		case <-changed:
		case <-deadline.C:
			require.FailNow(t, "waited in vain for "+what, "there is:\n%s", tail(items))
		}
	}
}

// tail shows the newest items.
func tail[T any](items []T) string {
	const shown = 40
	var b strings.Builder
	if len(items) > shown {
		fmt.Fprintf(&b, "… %d before\n", len(items)-shown)
		items = items[len(items)-shown:]
	}
	for _, item := range items {
		fmt.Fprintf(&b, "%v\n", item)
	}
	return b.String()
}
