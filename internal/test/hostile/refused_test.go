package hostile_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// refusals makes one user's connection ask for orders that are not the user's, as fast as it is answered, until ctx
// ends. It counts the answers.
func refusals(ctx context.Context, t *testing.T, url, user string, count *atomic.Int64) error {
	t.Helper()
	const atOnce = 20
	conn, in, _, err := ws.Dial(ctx,
		strings.Replace(url, "http", "ws", 1)+"/hubs/customer-orders?access_token="+token(t, user))
	if err != nil {
		return fmt.Errorf("dialling: %w", err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	say := func(text string) { _ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))) }
	say(`{"protocol":"json","version":1}` + "\x1e")
	var from io.Reader = conn
	if in != nil {
		from = in
	}
	buffer := make([]byte, 64<<10) //nolint:mnd // more than all the answers to one frame
	for due := 1; ; {
		n, err := from.Read(buffer)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("reading: %w", err)
		}
		if answers := strings.Count(string(buffer[:n]), "Forbidden"); answers > 0 {
			count.Add(int64(answers))
			due -= answers
		} else {
			due-- // the answer to the handshake
		}
		if due > 0 {
			continue
		}
		var calls strings.Builder
		for range atOnce {
			fmt.Fprintf(&calls, `{"type":1,"invocationId":"1","target":"SubscribeToOrder","arguments":[%q]}`+"\x1e", uuid.New())
		}
		say(calls.String())
		due = atOnce
	}
}

// latencies are a user's waiting times for an answer that needs the database, sorted.
func latencies(t *testing.T, conn *hubclient.Connection) []time.Duration {
	t.Helper()
	const calls = 150
	took := make([]time.Duration, calls)
	for i := range took {
		from := time.Now()
		_, err := conn.Invoke(t.Context(), "SubscribeToOrder", uuid.New())
		took[i] = time.Since(from)
		require.ErrorContains(t, err, "Forbidden")
	}
	slices.Sort(took)
	return took
}

// One user's refused subscriptions over many connections take a small share of the database, and of the node:
// others' answers come as before. Their speed depends on the machine, so it is compared with the speed without the
// flood. (On an idle machine p99 is below 50 ms.)
func TestAUsersRefusalsDelayNobodyElse(t *testing.T) { //nolint:paralleltest // it compares latencies
	const connections = 95
	cfg := node(t, pgtest.New(t), nil)
	cfg.Token = func(context.Context) (string, error) { return token(t, "quiet"), nil }
	quiet, err := hubclient.Connect(t.Context(), cfg, "/hubs/customer-orders", nil)
	require.NoError(t, err)
	defer quiet.Close()
	latencies(t, quiet) // the first answers are slow
	rest := latencies(t, quiet)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var answered atomic.Int64
	var flood sync.WaitGroup
	failures := make(chan error, connections)
	for range connections {
		flood.Go(func() { failures <- refusals(ctx, t, cfg.URL, "noisy", &answered) })
	}
	require.Eventually(t, func() bool { return answered.Load() > 1000 }, patience,
		time.Millisecond, "the flood has begun")
	from, before := time.Now(), answered.Load()
	loaded := latencies(t, quiet)
	rate := float64(answered.Load()-before) / time.Since(from).Seconds()
	cancel()
	flood.Wait()
	for range connections {
		require.NoError(t, <-failures, "who waits for his turn is not closed")
	}

	at := func(all []time.Duration, percent int) time.Duration { return all[(len(all)-1)*percent/100] }
	t.Logf("others at rest: p50 %s, p99 %s; beside %.0f refusals/s of one user's: p50 %s, p99 %s",
		at(rest, 50), at(rest, 99), rate, at(loaded, 50), at(loaded, 99))
	require.Less(t, at(loaded, 50), 6*at(rest, 50)+20*time.Millisecond)
}
