package signalr

import (
	"bytes"
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func beginUploads(t *testing.T, s *streams, ids ...string) *streaming {
	t.Helper()
	call := &streaming{}
	for range ids {
		call.uploads = append(call.uploads, &upload{more: make(chan struct{}, 1)})
	}
	require.NoError(t, s.begin(context.Background(), call, false, ids, 100))
	return call
}

// Unread items are bounded by number for each stream, and by bytes for all of them.
func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	const limit = 1000
	s := &streams{}
	call := beginUploads(t, s, "a", "b", "c")
	for range uploadItems {
		require.Equal(t, taken, s.put("a", []byte("x"), limit))
	}
	require.Equal(t, full, s.put("a", []byte("x"), limit))
	require.Equal(t, taken, s.put("b", bytes.Repeat([]byte("x"), limit-uploadItems), limit))
	require.Equal(t, full, s.put("c", []byte("x"), limit))
	require.Equal(t, limit, s.waiting)

	_, err, ok := s.take(call.uploads[0])
	require.True(t, ok)
	require.NoError(t, err)
	require.Len(t, s.room, 1) // the reader is told
	require.Equal(t, taken, s.put("c", []byte("x"), limit))
	require.Equal(t, full, s.put("c", []byte("x"), limit))
	s.end(call.uploads[1], context.Canceled)
	require.Equal(t, uploadItems, s.waiting)
	require.Equal(t, unknown, s.put("b", []byte("x"), limit))
	s.release(call)
	require.Zero(t, s.waiting)

	// An item that is larger than all that may wait is taken where no other waits.
	call = beginUploads(t, s, "a")
	require.Equal(t, taken, s.put("a", make([]byte, 2*limit), limit))
	require.Equal(t, full, s.put("a", []byte("x"), limit))
	s.release(call)
	require.Zero(t, s.waiting)
}

func TestReleaseLeavesNothing(t *testing.T) {
	t.Parallel()
	s := &streams{}
	for i := range 1000 {
		first, second := beginUploads(t, s, "a", "b"), beginUploads(t, s, strconv.Itoa(i))
		require.Equal(t, taken, s.put("a", []byte("x"), 1000))
		require.Equal(t, taken, s.put("b", []byte("x"), 1000))
		require.True(t, s.complete("b", nil))
		require.False(t, s.complete("b", nil))
		s.release(first)
		s.release(first)
		s.release(second)
		require.Error(t, first.ctx.Err())
	}
	require.Empty(t, s.uploads)
	require.Empty(t, s.sending)
	require.Zero(t, s.open)
	require.Zero(t, s.waiting)
}
