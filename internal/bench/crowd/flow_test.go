package crowd

import (
	"context"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// arriving is members at whom every message arrives at once, reported in order.
func arriving(t *testing.T) (m *members, arrive func(arrived int)) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return &members{child: &child{name: "the members"}, arrivals: r}, func(arrived int) {
		_, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(arrived)))
		require.NoError(t, err)
	}
}

func TestNoMoreThanAWindowIsOutstanding(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 2, 64} {
		m, arrive := arriving(t)
		sent, told := 0, 0
		f := flow{window: window, duration: time.Millisecond, send: func(_ context.Context, n int) error {
			require.Positive(t, n)
			sent += n
			require.LessOrEqual(t, sent-told, window)
			// One arrives for each that is sent, so the window stays full.
			for told < sent {
				told++
				arrive(told)
			}
			return nil
		}}
		messages, took, err := f.run(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, sent, messages)
		require.GreaterOrEqual(t, messages, leastWindows*window)
		require.GreaterOrEqual(t, took, time.Millisecond)
	}
}

func TestARunEndsWhenEverythingHasArrived(t *testing.T) {
	t.Parallel()
	m, arrive := arriving(t)
	const window, most, late = 4, 10, 20 * time.Millisecond
	sent := 0
	f := flow{window: window, duration: 0, most: most, send: func(_ context.Context, n int) error {
		if sent += n; sent == most {
			time.AfterFunc(late, func() { arrive(most) })
			return nil
		}
		arrive(sent)
		return nil
	}}
	messages, took, err := f.run(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, most, messages)
	require.GreaterOrEqual(t, took, late, "the last arrival ends the run")
}

func TestALostMessageEndsTheBench(t *testing.T) {
	t.Parallel()
	m, _ := arriving(t)
	require.NoError(t, m.arrivals.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	f := flow{window: 1, duration: time.Hour, send: func(context.Context, int) error { return nil }}
	_, _, err := f.run(t.Context(), m)
	require.ErrorContains(t, err, "has not arrived")
}
