package relay_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/eventlog"
	"github.com/yummyzoom/herald/internal/relay"
)

// lose takes the log back to a position, as a promoted replica that lagged has it, and begins an epoch.
func (l *memoryLog) lose(position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = l.entries[:position]
	l.state = eventlog.State{Epoch: l.state.Epoch + 1, Origin: position}
}

func TestTheTailBeginsAnewWhereTheLogHasLostItsEnd(t *testing.T) {
	t.Parallel()
	for name, learn := range map[string]func(*relay.Tail, *memoryLog){
		"by a batch of its own": func(tail *relay.Tail, log *memoryLog) { tail.Offer(1, log.append(2)) },
		"by a batch that seems to continue": func(tail *relay.Tail,
			log *memoryLog,
		) {
			log.append(3)
			tail.Offer(1, log.append(2))
		},
		"by a notification":           func(tail *relay.Tail, log *memoryLog) { log.append(2); tail.Look() },
		"by what is behind its place": func(tail *relay.Tail, log *memoryLog) { log.append(20); tail.Told(27) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log memoryLog
			tail, to := tailOf(t, &log)
			runTail(t, tail)
			tail.Offer(0, log.append(10))
			to.await(t, 10)
			log.lose(7)
			learn(tail, &log)
			require.Eventually(t, func() bool {
				to.mu.Lock()
				defer to.mu.Unlock()
				return len(to.resets) == 1 && to.position == log.newest()
			}, patience, time.Millisecond)
			require.Equal(t, []int64{7}, to.resets)
		})
	}
}

func TestABatchOfTheLogThatWasLeftBehindIsNotBroadcast(t *testing.T) {
	t.Parallel()
	var log memoryLog
	log.state = eventlog.State{Epoch: 2, Origin: 0}
	to := &recorder{tb: t, moved: make(chan struct{}, 1)}
	tail, err := relay.NewTail(relay.TailConfig{
		Log: &log, Broadcaster: to, Epoch: 2, PollInterval: time.Hour,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	runTail(t, tail)
	old := &memoryLog{}
	tail.Offer(1, old.append(5))
	tail.Offer(2, log.append(1))
	to.await(t, 1)
	require.Empty(t, to.resets)
	require.Equal(t, int64(1), to.Position())
}

// A node that was frozen for longer than the retention.
func TestTheTailSkipsWhatTheRetentionHasDropped(t *testing.T) {
	t.Parallel()
	var log memoryLog
	tail, to := tailOf(t, &log)
	log.append(10)
	log.retained = 6
	runTail(t, tail)
	tail.Look()
	to.await(t, 10)
	require.Equal(t, []int64{6}, to.resets)
}

func TestAPauseIsSeenAndEndedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *relay.Config) { c.PollInterval = time.Hour }) // notifications alone
	b.run(t)
	conn, pool := b.db.Conn(t), b.db.Pool(t)
	b.await(t, publish(t, conn))
	for range 3 {
		_, err := relay.Pause(t.Context(), pool, "")
		require.NoError(t, err)
		waiting := publish(t, conn)
		require.False(t, b.has(waiting))
		_, err = relay.Resume(t.Context(), pool)
		require.NoError(t, err)
		b.await(t, waiting)
		b.await(t, publish(t, conn))
	}
}
