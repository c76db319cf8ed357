package hostile_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// Noise that any login can make: the counter of transactions that notify a sleeping relay is used up again and
// again, and Herald's channels are flooded. Others' events arrive about as fast as before, and the log stays short.
//
//nolint:paralleltest // it compares times, so nothing else runs beside it
func TestNoiseHoldsNothingUp(t *testing.T) {
	for _, noise := range []struct {
		name, sql string
		roles     []string
	}{
		{
			"the count is used up", "SELECT nextval('herald.relay_armed') FROM generate_series(1, 50)",
			[]string{"herald_producer"},
		},
		{"events are rolled back", `DO $$ BEGIN
			FOR i IN 1..20 LOOP
				BEGIN
					PERFORM herald.publish_teamcart_event('CartUpdated', gen_random_uuid());
					RAISE EXCEPTION USING ERRCODE = 'HN001';
				EXCEPTION WHEN SQLSTATE 'HN001' THEN NULL;
				END;
			END LOOP;
			RAISE EXCEPTION 'undone' USING ERRCODE = 'HN001';
		END $$`, []string{"herald_producer"}},
		{"the outbox's channel is flooded", "SELECT pg_notify('herald_outbox', i::text) FROM generate_series(1, 20) i", nil},
		{
			"the log's channel is flooded",
			"SELECT pg_notify('herald_log', (1000000000 + i)::text) FROM generate_series(1, 20) i", nil,
		},
		{
			"the log's channel is flooded with what is no position",
			"SELECT pg_notify('herald_log', repeat('x', 7900) || i) FROM generate_series(1, 20) i", nil,
		},
		{"the probe's channel is flooded", "SELECT pg_notify('herald_probe', i::text) FROM generate_series(1, 20) i", nil},
	} {
		t.Run(noise.name, func(t *testing.T) {
			db := pgtest.New(t)
			var log written
			cfg := node(t, db, func(c *app.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			p := pulse(t, db, cfg)
			atRest := p.quick(t, 40)
			logged := log.Len()

			noisy := login(t, db, "svc", noise.roles...)
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				for ctx.Err() == nil {
					_, _ = noisy.Exec(context.WithoutCancel(ctx), noise.sql)
				}
			})
			p.quick(t, 5) // the noise has begun
			// Events that wait for the look every 100 ms take 90 ms behind the one before, even the quickest. A busy machine
			// slows down some of the others, and the noise too; hence the quicker ones, and three attempts.
			var meanwhile time.Duration
			for range 3 {
				if meanwhile = p.quick(t, 40); meanwhile < slow+atRest {
					break
				}
			}
			cancel()
			wg.Wait()
			t.Logf("at rest %s, meanwhile %s; %d bytes of log", atRest, meanwhile, log.Len()-logged)
			require.Less(t, meanwhile, slow+atRest)
			require.Less(t, log.Len()-logged, 4<<10)
			require.NotContains(t, log.String(), "xxxx")
		})
	}
}

// pulsing is a client that follows one team cart, and a producer that publishes to it.
type pulsing struct {
	producer *pgx.Conn
	cart     uuid.UUID
	received chan uuid.UUID
}

func pulse(t *testing.T, db *pgtest.Database, cfg hubclient.Config) *pulsing {
	t.Helper()
	p := &pulsing{db.Conn(t), uuid.New(), make(chan uuid.UUID, 1000)}
	cfg.Token = func(context.Context) (string, error) {
		return token(t, "pulse", "TeamCartMember:"+p.cart.String()), nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	joined, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- hubclient.Follow(ctx, cfg,
			hubclient.Subscription{Group: event.TeamCartGroup(p.cart), LastEventID: &uuid.UUID{}},
			func(e hubclient.Event) error { p.received <- e.EventID; return nil },
			hubclient.Hooks{OnResumed: func(hubclient.Result) {
				select {
				case joined <- struct{}{}:
				default:
				}
			}})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-joined:
	case <-time.After(patience):
		require.FailNow(t, "the client does not join")
	}
	return p
}

// slow is well below the latency of an event that waits for the look every 100 ms.
const slow = 40 * time.Millisecond

// quick returns the latency, from the commit to the client, that a quarter of n events do not exceed; median
// returns that of half of them.
func (p *pulsing) quick(t *testing.T, n int) time.Duration { t.Helper(); return p.took(t, n)[n/4] }

func (p *pulsing) median(t *testing.T, n int) time.Duration { t.Helper(); return p.took(t, n)[n/2] }

// took publishes n events, each when the one before has arrived and the relay is asleep again, and returns their
// latencies, in order.
func (p *pulsing) took(t *testing.T, n int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		<-time.After(10 * time.Millisecond) // the producer's pace
		var id uuid.UUID
		require.NoError(t,
			p.producer.QueryRow(t.Context(), "SELECT herald.publish_teamcart_event('CartUpdated', $1)", p.cart).Scan(&id))
		committed := time.Now()
		select {
		case got := <-p.received:
			require.Equal(t, id, got)
		case <-time.After(patience):
			require.FailNow(t, "an event does not arrive")
		}
		took[i] = time.Since(committed)
	}
	slices.Sort(took)
	return took
}

// written is a log that can be read while it is written.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *written) Len() int { return len(w.String()) }

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Clone(w.buf.String())
}
