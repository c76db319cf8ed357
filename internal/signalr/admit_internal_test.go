package signalr

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

// The server begins to shut down between a connection's admission and its opening.
func TestAConnectionThatComesTooLateForTheServer(t *testing.T) {
	t.Parallel()
	r := newRegistry(door.NewOccupancy(1, 1, 1))
	late := &Conn{
		identity: identity{
			ticket: door.Ticket{Token: door.Token{1}}, seat: door.NewSeat("u", netip.MustParseAddr("2001:db8::1")),
		},
	}
	outcome, _ := r.claim(late)
	require.Equal(t, claimed, outcome)
	require.Equal(t, door.ServerFull, r.full(&door.Seat{}))
	r.close()
	require.False(t, r.add(late))
	for range 2 { // the second round releases the connection twice
		require.Equal(t, door.NewOccupancy(1, 1, 1), r.seats)
		require.Empty(t, r.active)
		r.release(late)
	}
}

// A client comes back with another WebSocket after its connection's turn to leave, and before the reader notices.
func TestNoResumeBehindTheTurnToLeave(t *testing.T) {
	t.Parallel()
	c := &Conn{stateful: newStateful()}
	c.greeted.Store(true)
	require.True(t, c.resumable())
	c.retiring.Store(true)
	require.False(t, c.resumable())
	require.False(t, c.resume(nil))
}
