package hostile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// atRest is how much memory a node may take above rest, whatever one user asks for.
const atRest = 256 << 20

// largeOrder publishes events of about 60 KB for one order, a few at a time, and waits until they are in the log.
func largeOrder(t *testing.T, conn *pgx.Conn, order uuid.UUID, events int) {
	t.Helper()
	const some = 50
	var before int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM herald.event_log").Scan(&before))
	for done := 0; done < events; done += some {
		n := min(some, events-done)
		exec(t, conn, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, audience, payload)
			SELECT 'OrderStatusChanged', $1, gen_random_uuid(), 'user-1', 'Customer',
				jsonb_build_object('orderNumber', 'YZ-' || n, 'status', repeat('x', 60000)) FROM generate_series(1, $2::int) n`, order, n)
		relayed(t, conn, before+done+n)
	}
}

// relayed waits until the log has so many entries.
func relayed(t *testing.T, conn *pgx.Conn, entries int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM herald.event_log").Scan(&n))
		return n >= entries
	}, patience, 50*time.Millisecond)
}

type eventPage struct {
	LastEventID uuid.UUID
	Events      []struct {
		EventID  uuid.UUID
		Sequence int64
	}
}

// fetch sends a GET request, writes the answer's body to w and returns its status and header.
func fetch(ctx context.Context, url, token string, body io.Writer) (int, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(body, response.Body)
	return response.StatusCode, response.Header, err
}

// count counts the bytes written to it.
type count int

func (c *count) Write(b []byte) (int, error) { *c += count(len(b)); return len(b), nil }

// heapPeak samples the heap until stop is called. stop returns the highest sample above the first.
func heapPeak() (stop func() uint64) {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	rest, peak := stats.HeapInuse, uint64(0)
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for ticker := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-ending:
				ticker.Stop()
				return
			case <-ticker.C:
				runtime.ReadMemStats(&stats)
				peak = max(peak, stats.HeapInuse-min(rest, stats.HeapInuse))
			}
		}
	}()
	return func() uint64 { close(ending); <-ended; return peak }
}

// A user who asks for everything at once, and leaves half of it unread, costs the node a bounded amount of memory.
// Meanwhile a client that polls correctly gets all of it, page by page.
//
// Acceptance.
//
//nolint:paralleltest // it measures the heap of this process
func TestPagesOfLargeEventsTakeBoundedMemory(t *testing.T) {
	const events, greedy, requests, silent = 900, 30, 3, 30
	db := pgtest.New(t)
	cfg := node(t, db, nil)
	order := uuid.New()
	largeOrder(t, db.Conn(t), order, events)
	url := func(after uuid.UUID) string {
		return fmt.Sprintf("%s/api/realtime/events?hub=customer-orders&resource=%s&after=%s&limit=1000000", cfg.URL, order,
			after)
	}
	of := func(subject string) string { return token(t, subject, "OrderOwner:"+order.String()) }
	greedyToken, politeToken := of("greedy"), of("polite")
	peak := heapPeak()

	for range silent {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(cfg.URL, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: herald\r\nAuthorization: Bearer %s\r\n\r\n",
			strings.TrimPrefix(url(uuid.Nil), cfg.URL), greedyToken)
		require.NoError(t, err)
	}
	var all sync.WaitGroup
	for range greedy {
		all.Go(func() {
			for range requests {
				var bytes count
				status, header, err := fetch(t.Context(), url(uuid.Nil), greedyToken, &bytes)
				switch {
				case err != nil:
					t.Error(err)
				case status == http.StatusTooManyRequests && header.Get("Retry-After") == "1":
				case status != http.StatusOK || bytes > adminapi.PageBytes:
					t.Errorf("status %d, %d bytes", status, bytes)
				}
			}
		})
	}
	sequence, cursor := int64(0), uuid.Nil
	for {
		var body bytes.Buffer
		status, header, err := fetch(t.Context(), url(cursor), politeToken, &body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.LessOrEqual(t, body.Len(), adminapi.PageBytes)
		require.Empty(t, header.Get("Content-Encoding"))
		var page eventPage
		require.NoError(t, json.Unmarshal(body.Bytes(), &page))
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			sequence++
			require.Equal(t, sequence, e.Sequence)
			cursor = e.EventID
		}
		require.Equal(t, cursor, page.LastEventID)
	}
	require.EqualValues(t, events, sequence)
	all.Wait()
	above := peak()
	t.Logf("%d MiB above rest", above>>20)
	require.Less(t, above, uint64(atRest))
}

// An event that is larger than a page makes a page of its own, so that its client gets past it.
//
// Acceptance: A-455.
func TestAnEventLargerThanAPageIsAPage(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	cfg := node(t, db, func(c *app.Config) { c.Server.RingBytes = 1 })
	conn, order := db.Conn(t), uuid.New()
	exec(t, conn, `INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, audience, payload)
		SELECT 'OrderStatusChanged', $1, gen_random_uuid(), 'user-1', 'Customer',
			jsonb_build_object('orderNumber', 'YZ-' || n, 'status', 'Placed') FROM generate_series(1, 3) n`, order)
	relayed(t, conn, 3)
	// The table's owner changes a row that is already in the log, as no other role can.
	exec(t, conn, "UPDATE herald.outbox SET payload = payload || jsonb_build_object('status', repeat('x', 1500000))")
	cursor := uuid.Nil
	for n := range int64(3) {
		var body bytes.Buffer
		status, _, err := fetch(t.Context(),
			fmt.Sprintf("%s/api/realtime/events?hub=customer-orders&resource=%s&after=%s&limit=1000",
				cfg.URL, order, cursor), token(t, "user-1", "OrderOwner:"+order.String()), &body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		var page eventPage
		require.NoError(t, json.Unmarshal(body.Bytes(), &page))
		require.Len(t, page.Events, 1)
		require.Equal(t, n+1, page.Events[0].Sequence)
		cursor = page.LastEventID
	}
}
