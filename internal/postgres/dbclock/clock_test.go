package dbclock_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/postgres/dbclock"
	"github.com/yummyzoom/herald/internal/test/fixture"
)

// said keeps the messages that are logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *said) times(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), part)
}

func newClock() (*dbclock.Clock, *said) {
	s := &said{}
	return dbclock.New(slog.New(slog.NewTextHandler(s, nil))), s
}

func TestClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	b := fixture.New(t)
	clock, _ := newClock()
	require.Greater(t, clock.Age(), time.Hour, "it has not been read")
	require.NoError(t, clock.Read(t.Context(), b.Pool))
	require.Less(t, clock.Age(), time.Hour)
	var before, after time.Time
	require.NoError(t, b.Pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&before))
	now := clock.Now()
	require.NoError(t, b.Pool.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&after))
	require.WithinRange(t, now, before.Add(-time.Minute), after.Add(time.Minute), "as exactly as a busy machine reads it")
}

func TestSkewIsWhatIsCertainOfIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead, took, want time.Duration
	}{
		"none":                             {0, 20 * time.Millisecond, 0},
		"ahead":                            {5 * time.Second, 20 * time.Millisecond, 5*time.Second - 10*time.Millisecond},
		"behind":                           {-time.Hour, 2 * time.Second, -time.Hour + time.Second},
		"what a slow answer may have been": {900 * time.Millisecond, 2 * time.Second, 0},
	} {
		clock, logs := newClock()
		now := time.Now()
		clock.Learn(t.Context(), now, now.Add(c.took/2-c.ahead), now.Add(c.took))
		require.Equal(t, c.want, clock.Skew(), name)
		told := 0
		if c.want.Abs() > time.Second {
			told = 1
		}
		require.Equal(t, told, logs.times("clock is wrong"), name)
		clock.Learn(t.Context(), now.Add(time.Second), now.Add(time.Second+c.took/2-c.ahead), now.Add(time.Second+c.took))
		require.Equal(t, told, logs.times("clock is wrong"), "once")
	}
}

// Setting the machine's wall clock does not affect this clock. Setting the database's clock is logged.
func TestClockFollowsTheDatabasesSteps(t *testing.T) {
	t.Parallel()
	clock, logs := newClock()
	began := time.Now()
	look := func(after, database, took time.Duration) {
		clock.Learn(t.Context(), began.Add(after), began.Add(database+took/2).Round(0), began.Add(after+took))
	}
	off := func() time.Duration { return time.Until(clock.Now()).Round(time.Second) }
	const quick = 10 * time.Millisecond
	look(0, 0, quick)
	look(time.Second, time.Second, quick)
	require.Zero(t, off())
	require.False(t, clock.Advanced(time.Hour))
	look(2*time.Second, 2*time.Second, 3*time.Second) // a slow answer says nothing that is not known better
	look(3*time.Second, 3*time.Second+800*time.Millisecond, 2*time.Second)
	require.Zero(t, off())
	require.Zero(t, logs.times("was set"))

	look(4*time.Second, 4*time.Second-24*time.Hour, quick)
	require.Equal(t, -24*time.Hour, off())
	require.Equal(t, 1, logs.times("was set"))
	require.False(t, clock.Advanced(time.Hour), "a day back makes nothing old")
	look(5*time.Second, 5*time.Second+5*24*time.Hour, quick)
	require.Equal(t, 5*24*time.Hour, off())
	require.Equal(t, 2, logs.times("was set"))
	require.True(t, clock.Advanced(time.Hour))
	require.False(t, clock.Advanced(-time.Hour))
}
