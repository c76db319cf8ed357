package adminapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// alerts returns entries of the alerts' group whose messages take this many bytes as JSON.
func alerts(n, bytes int) (entries []event.Logged) {
	for i := range n {
		e := &event.Event{
			ID: uuid.New(), Type: event.SystemAlert, OccurredOn: now(),
			Payload: fmt.Appendf(nil, `{"type": "info", "message": "%s"}`, strings.Repeat("a", bytes)),
		}
		entries = append(entries, event.Logged{Event: e, Group: event.Alerts, Sequence: int64(i + 1)})
	}
	return entries
}

type gotPage struct {
	Status      string
	LastEventID uuid.UUID
	Events      []struct{ EventID uuid.UUID }
}

func getPage(t *testing.T, b *bundle) (page gotPage, bytes int) {
	t.Helper()
	w := b.get(t, events+"?hub=admin&resource=alerts&limit=1000&after="+uuid.Nil.String())
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	return page, w.Body.Len()
}

// For any events of the log, a page ends before the event that would make it larger than 1 MiB, and its cursor is
// its last event. A larger event is a page by itself.
//
// Acceptance.
func TestAPageIsBoundedAsTheClientGetsIt(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 60_000, 400_000, adminapi.PageBytes / 2, adminapi.PageBytes, 3 * adminapi.PageBytes} {
		b := setup(t)
		b.replay.events = alerts(100, size)
		b.replay.last = b.replay.events[99].ID
		page, bytes := getPage(t, b)
		n := len(page.Events)
		require.Positive(t, n)
		require.Equal(t, b.replay.events[n-1].ID, page.LastEventID)
		require.True(t, bytes <= adminapi.PageBytes || n == 1, "%d events in %d bytes", n, bytes)
		require.True(
			t, n == 100 || bytes+bytes/n+256 > adminapi.PageBytes, "%d events in %d bytes, and room for more", n, bytes,
		)
	}
}

// heldReplays answer when the test releases them.
type heldReplays struct {
	arrived chan struct{}
	held    chan struct{}
}

func (h *heldReplays) Replay(
	ctx context.Context, _ event.Group, _ *uuid.UUID, _ int,
) (string, uuid.UUID, []event.Logged, error) {
	h.arrived <- struct{}{}
	select {
	case <-h.held:
	case <-ctx.Done():
	}
	return adminapi.Resumed, uuid.Nil, nil, nil
}

// A user has a few pages in progress. The user's further requests wait a moment and are then told to come again,
// without reading the log. Other users are not affected.
//
// Acceptance: A-454.
func TestPagesAreMadeAFewAtATime(t *testing.T) {
	t.Parallel()
	held := &heldReplays{arrived: make(chan struct{}, 200), held: make(chan struct{})}
	b := setup(t)
	b.cfg.Replayer, b.cfg.Rate = held, adminapi.NoLimit
	path := events + "?hub=admin&resource=alerts"
	b.serve(t, request(t, http.MethodOptions, path, "")) // makes the handler
	statuses := make(chan int, 200)
	var all sync.WaitGroup
	ask := func(subject, method string) {
		r := request(t, method, path, "")
		r.Header.Set("Authorization", "Bearer "+token(t, auth.Grant{Subject: subject, Roles: []string{"Admin"}}))
		all.Go(func() {
			w := b.serve(t, r)
			if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			statuses <- w.Code
		})
	}
	for i := range 100 {
		ask("greedy", []string{http.MethodGet, http.MethodHead}[i%2])
	}
	for range 96 {
		select {
		case status := <-statuses:
			require.Equal(t, http.StatusTooManyRequests, status)
		case <-time.After(20 * time.Second):
			require.FailNow(t, "a request waits although others are in progress")
		}
	}
	require.LessOrEqual(t, len(held.arrived), 4)
	ask("polite", http.MethodGet)
	close(held.held)
	all.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
}
