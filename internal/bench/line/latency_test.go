package line

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

func TestMomentsAreAsManyAsTheRateSays(t *testing.T) {
	t.Parallel()
	start := time.Now()
	all := moments(start, time.Minute, float64(time.Millisecond))
	const many, deviation = 60_000, 2000 // eight standard deviations
	require.InDelta(t, many, len(all), deviation)
	last := start
	for _, at := range all {
		require.False(t, at.Before(last))
		last = at
	}
	require.False(t, last.After(start.Add(time.Minute)))
}

// offer has two writers write for a second, by the test's clock.
func offer(t *testing.T, write func(b *book, id uuid.UUID) (sent, committed time.Time, err error)) (w way, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &book{at: map[uuid.UUID]time.Time{}}
		r := &rateRun{Latency: &Latency{}, writers: make([]*pgx.Conn, 2)}
		const rate = 100
		w, err = r.slice(t.Context(), rate, time.Second, b, func(_ *pgx.Conn, id uuid.UUID) (time.Time, time.Time, error) {
			return write(b, id)
		})
		synctest.Wait()
	})
	return w, err
}

func TestAnArrivalIsMeasuredFromItsOwnCommit(t *testing.T) {
	t.Parallel()
	w, err := offer(t, func(b *book, id uuid.UUID) (time.Time, time.Time, error) {
		sent := time.Now()
		committed := sent.Add(time.Millisecond)
		time.AfterFunc(3*time.Millisecond, func() { b.note(id, time.Now()) })
		return sent, committed, nil
	})
	require.NoError(t, err)
	const offered, deviation = 100, 60 // six standard deviations
	require.InDelta(t, offered, len(w.sent), deviation, "by all writers together")
	for i := range w.sent {
		require.Equal(t, time.Millisecond, w.commits[i])
		require.Equal(t, 3*time.Millisecond, w.sent[i])
		require.Equal(t, 2*time.Millisecond, w.returned[i])
	}
	require.LessOrEqual(t, w.took, time.Second)
	require.Zero(t, w.late)
}

func TestAnArrivalBeforeCommitHasReturnedCountsAsNoTime(t *testing.T) {
	t.Parallel()
	w, err := offer(t, func(b *book, id uuid.UUID) (time.Time, time.Time, error) {
		sent := time.Now()
		b.note(id, sent.Add(time.Millisecond))
		return sent, sent.Add(5 * time.Millisecond), nil
	})
	require.NoError(t, err)
	for i := range w.sent {
		require.Equal(t, time.Millisecond, w.sent[i])
		require.Zero(t, w.returned[i])
	}
}

func TestAWriterThatIsLateCatchesUp(t *testing.T) {
	t.Parallel()
	w, err := offer(t, func(b *book, id uuid.UUID) (time.Time, time.Time, error) {
		sent := time.Now()
		time.Sleep(100 * time.Millisecond) // five times the available time
		b.note(id, time.Now())
		return sent, time.Now(), nil
	})
	require.NoError(t, err)
	require.Greater(t, w.took, 2*time.Second, "all that was offered is written")
	require.Greater(t, w.late, len(w.sent)/2)
}

func TestAnEventThatDoesNotArriveEndsTheBench(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	_, err := offer(t, func(b *book, id uuid.UUID) (time.Time, time.Time, error) {
		if n.Add(1) > 1 {
			b.note(id, time.Now())
		}
		return time.Now(), time.Now(), nil
	})
	require.ErrorContains(t, err, "have arrived in 10s")

	_, err = offer(t, func(b *book, _ uuid.UUID) (time.Time, time.Time, error) {
		b.note(uuid.New(), time.Now())
		return time.Now(), time.Now(), nil
	})
	require.ErrorContains(t, err, "has not arrived, and another one has")

	broken := errors.New("broken")
	_, err = offer(t, func(*book, uuid.UUID) (time.Time, time.Time, error) { return time.Time{}, time.Time{}, broken })
	require.ErrorIs(t, err, broken)
}

func TestANotificationCarriesItsTransaction(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	drop, err := plainTable(t.Context(), conn)
	require.NoError(t, err)
	arrived, stop, err := listenTo(t.Context(), database.DSN())
	require.NoError(t, err)
	id := uuid.New()
	sent, committed, err := notifyOne(t.Context(), conn, id)
	require.NoError(t, err)
	require.False(t, committed.Before(sent))
	got := within(t, arrived)
	require.Equal(t, id.String(), got.payload)
	require.False(t, got.at.Before(sent))
	var rows int
	require.NoError(
		t, conn.QueryRow(t.Context(), "SELECT count(*) FROM herald_bench_plain WHERE id = $1", id).Scan(&rows),
	)
	require.Equal(t, 1, rows)
	drop()
	_, _, err = notifyOne(t.Context(), conn, id)
	require.ErrorContains(t, err, "inserting")
	_, _, err = commit(t.Context(), conn, func(pgx.Tx) error { return nil })
	require.NoError(t, err, "the transaction that failed has ended")
	for range 2 * notifications {
		execute(t, conn, "NOTIFY "+baselineChannel)
	}
	require.Eventually(t, func() bool { return len(arrived) == cap(arrived) }, patience, time.Millisecond)
	stop() // although nothing reads, and more comes
	for range arrived {
		continue
	}
}

func TestTheClientMustBeLetIn(t *testing.T) {
	t.Parallel()
	l := &Latency{URL: "http://127.0.0.1:1", Order: uuid.New()}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := l.follow(ctx, func(received) {})
	require.Error(t, err)
}
