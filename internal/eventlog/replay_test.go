package eventlog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

var errAway = errors.New("the database is away")

// shelf is the log of one group in memory: entries of a hundred bytes.
type shelf struct {
	oldest, newest int64
	reading        func(limit int) // before each read
}

func (s *shelf) Locate(ctx context.Context, _ event.Group, id uuid.UUID) (int64, error) {
	sequence := int64(id[15])
	if sequence < s.oldest || sequence > s.newest {
		return 0, eventlog.ErrUnknownEvent
	}
	return sequence, ctx.Err()
}

func (s *shelf) Head(ctx context.Context, _ event.Group, _ int64) (uuid.UUID, int64, error) {
	if _, limited := ctx.Deadline(); !limited {
		return uuid.Nil, 0, nil
	}
	<-ctx.Done()
	return uuid.Nil, 0, errAway
}

func (s *shelf) Read(_ context.Context, g event.Group, after, _ int64, limit,
	_ int,
) (entries []event.Logged, err error) {
	if s.reading != nil {
		s.reading(limit)
	}
	for sequence := max(after+1, s.oldest); sequence <= s.newest && len(entries) < limit; sequence++ {
		e := &event.Event{ID: uuid.UUID{15: byte(sequence)}, Payload: make([]byte, 100)}
		entries = append(entries, event.Logged{Event: e, Group: g, Sequence: sequence})
	}
	return entries, nil
}

// Whatever the retention drops during a replay, the events come in order and without a hole, or the rest is a gap.
func TestAReplayIsWholeOrAGap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		log := &shelf{oldest: rapid.Int64Range(1, 50).Draw(t, "oldest"), newest: rapid.Int64Range(50, 100).Draw(t, "newest")}
		log.reading = func(int) { log.oldest += rapid.Int64Range(0, 5).Draw(t, "dropped") }
		replay := &eventlog.Replay{Log: log, Limit: 60, ChunkBytes: rapid.IntRange(1, 10_000).Draw(t, "chunk")}
		span := eventlog.Span{After: rapid.Int64Range(0, 110).Draw(t, "after"), Through: log.newest}
		chunks, err := replay.Read(span)
		if span.Events() > 60 {
			require.ErrorIs(t, err, eventlog.ErrGap)
			return
		}
		require.NoError(t, err)
		last := span.After
		for {
			entries, err := chunks.Next(t.Context(), 20)
			require.LessOrEqual(t, len(entries), 20)
			for _, e := range entries {
				require.Equal(t, last+1, e.Sequence)
				last++
			}
			if err != nil {
				require.ErrorIs(t, err, eventlog.ErrGap)
				require.Less(t, last+1, log.oldest, "what comes next has been dropped")
				return
			}
			if len(entries) == 0 {
				require.Equal(t, max(span.After, span.Through), last)
				return
			}
		}
	})
}

func TestAChunkAsksForWhatFits(t *testing.T) {
	t.Parallel()
	var asked []int
	log := &shelf{oldest: 1, newest: 100, reading: func(limit int) { asked = append(asked, limit) }}
	replay := &eventlog.Replay{Log: log, Limit: 100, ChunkBytes: 6120} // ten entries
	chunks, err := replay.Read(eventlog.Span{Through: 100})
	require.NoError(t, err)
	for range 3 {
		_, err := chunks.Next(t.Context(), 40)
		require.NoError(t, err)
	}
	require.Equal(t, []int{40, 11, 11}, asked)
}

func TestWhereACursorLies(t *testing.T) {
	t.Parallel()
	replay := &eventlog.Replay{Log: &shelf{oldest: 5, newest: 9}, Limit: 10, ChunkBytes: 1000}
	head := eventlog.Head{Sequence: 9}
	for _, c := range []struct {
		cursor eventlog.Cursor
		want   int64
	}{
		{eventlog.Cursor{Kind: eventlog.Live}, 9},
		{eventlog.Cursor{Kind: eventlog.Beginning}, 4},
		{eventlog.Cursor{Kind: eventlog.After, EventID: uuid.UUID{15: 7}}, 7},
	} {
		got, err := replay.Locate(t.Context(), c.cursor, head)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := replay.Locate(t.Context(), eventlog.Cursor{Kind: eventlog.After, EventID: uuid.UUID{15: 4}}, head)
	require.ErrorIs(t, err, eventlog.ErrUnknownEvent)
	require.ErrorIs(t, err, eventlog.ErrGap)
	replay.Log = &shelf{oldest: 10, newest: 9}
	got, err := replay.Locate(t.Context(), eventlog.Cursor{Kind: eventlog.Beginning}, head)
	require.NoError(t, err)
	require.Equal(t, int64(9), got, "nothing is left, so nothing is missing")
}

func TestWhereNothingIsLeftOfWhatIsLackedThereIsAGap(t *testing.T) {
	t.Parallel()
	replay := &eventlog.Replay{Log: &shelf{oldest: 10, newest: 9}, Limit: 10, ChunkBytes: 1000}
	chunks, err := replay.Read(eventlog.Span{After: 7, Through: 9})
	require.NoError(t, err)
	entries, err := chunks.Next(t.Context(), 10)
	require.Empty(t, entries)
	require.ErrorIs(t, err, eventlog.ErrGap)
}

func TestEachReadHasATimeLimit(t *testing.T) {
	t.Parallel()
	replay := &eventlog.Replay{Log: &shelf{}, Timeout: time.Millisecond}
	_, err := replay.Head(t.Context())
	require.ErrorIs(t, err, errAway)
}
