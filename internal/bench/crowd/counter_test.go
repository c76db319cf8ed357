package crowd

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// countedPair is two members that count, their reports, and their errors.
type countedPair struct {
	crowd *crowd
	ends  [2]net.Conn // the servers' ends
	told  chan int
	ended chan error
}

func newCountedPair(t *testing.T) *countedPair {
	t.Helper()
	p := &countedPair{crowd: &crowd{}, told: make(chan int, 100), ended: make(chan error, 2)}
	p.crowd.counter.tell = func(arrived int) error { p.told <- arrived; return nil }
	for i := range p.ends {
		client, server := net.Pipe()
		p.ends[i] = server
		m := &member{conn: client}
		p.crowd.open = append(p.crowd.open, m)
		go func() { p.ended <- p.crowd.counter.count(m) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	return p
}

func (p *countedPair) write(t *testing.T, member int, bytes string) {
	t.Helper()
	_, err := p.ends[member].Write([]byte(bytes))
	require.NoError(t, err)
}

// within waits for a value from a channel.
func within[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		require.FailNow(t, "nothing comes")
	}
	return got
}

const patience = 30 * time.Second

func TestAMessageHasArrivedWhenAllMembersHaveIt(t *testing.T) {
	t.Parallel()
	p := newCountedPair(t)
	for range 2 { // a second run counts from the beginning
		require.NoError(t, p.crowd.count(countOrder{Size: 4, Window: 2, First: []byte("abcd")}))
		p.write(t, 0, "abcd")
		p.write(t, 0, "efg")
		p.write(t, 1, "ab")
		require.Empty(t, p.told)
		p.write(t, 1, "cdefgh")
		require.Equal(t, 1, within(t, p.told))
		p.write(t, 0, "hijkl") // the third takes the first's place
		require.Equal(t, 2, within(t, p.told))
		p.write(t, 0, "mnop")
		require.Empty(t, p.told)
		p.write(t, 1, "ijklmnop")
		require.Equal(t, 3, within(t, p.told))
		require.Equal(t, 4, within(t, p.told))
	}
}

func TestCountedMessagesAreLookedAt(t *testing.T) {
	t.Parallel()
	p := newCountedPair(t)
	p.write(t, 0, "early")
	require.ErrorContains(t, within(t, p.ended), "before anything was sent")

	require.NoError(t, p.crowd.count(countOrder{Size: 4, Window: 2, First: []byte("abcd")}))
	p.write(t, 1, "abxd")
	require.ErrorContains(t, within(t, p.ended), `"abxd" instead of "abcd"`)

	require.Error(t, p.crowd.count(countOrder{Size: 4, Window: 0, First: []byte("abcd")}))
	require.Error(t, p.crowd.count(countOrder{Size: 4, Window: 1, First: []byte("abc")}))
}
