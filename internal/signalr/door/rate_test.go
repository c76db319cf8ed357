package door

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever the times, no window sees more than the burst and what grew back in it. A spender that waits as long as
// Take says is let through.
func TestRateHoldsInEveryWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		perSecond, burst := rapid.IntRange(1, 5000).Draw(t, "rate"), rapid.IntRange(1, 50).Draw(t, "burst")
		r := NewRate(perSecond, burst)
		now, full := rapid.Int64Range(0, 1<<60).Draw(t, "now"), int64(0)
		var taken []int64
		for range rapid.IntRange(1, 200).Draw(t, "attempts") {
			now += rapid.Int64Range(0, 3*r.interval).Draw(t, "pause")
			wait := r.Take(&full, now)
			if wait > 0 {
				require.Positive(t, r.Take(&full, now+int64(wait)-1))
				now += int64(wait)
				require.Zero(t, r.Take(&full, now))
			}
			taken = append(taken, now)
			for i, from := range taken {
				if got, most := int64(len(taken)-i), int64(burst)+(now-from)/r.interval; got > most {
					t.Fatalf("%d in %d ns, of %d at most", got, now-from, most)
				}
			}
		}
	})
}

func TestNoRate(t *testing.T) {
	t.Parallel()
	r, full := NewRate(0, 1), int64(0)
	for range 1000 {
		require.Zero(t, r.Take(&full, 0))
	}
}

func TestRateTakesNoMemory(t *testing.T) { //nolint:paralleltest // others' allocations would count
	r, full, now := NewRate(1000, 2000), int64(0), int64(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() { r.Take(&full, now); now += 1000 }))
}

// v6 returns the n-th of many sites.
func v6(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestAllowancesAreEachAddressesOwn(t *testing.T) {
	t.Parallel()
	a := NewAllowances(NewRate(10, 3))
	now := int64(1)
	for n := range 100 {
		for range 3 {
			require.Zero(t, a.Take(v6(n), now))
		}
		require.Equal(t, 100*time.Millisecond, a.Take(v6(n), now))
	}
	require.Zero(t, a.Take(v6(0), now+int64(100*time.Millisecond)))
}

// A flood from more addresses than the table has places refuses no address, forgets last the address that has spent
// the most, and takes no memory.
func TestAllowancesOfAFlood(t *testing.T) { //nolint:paralleltest // others' allocations would count
	const flood = 10 * allowanceSets * allowanceWays
	a := NewAllowances(NewRate(10, 100))
	now := int64(time.Second)
	spender := netip.MustParseAddr("192.0.2.1")
	for range 100 {
		require.Zero(t, a.Take(spender, now))
	}
	n := 0
	require.Zero(t, testing.AllocsPerRun(flood, func() {
		if a.Take(v6(n), now) > 0 {
			panic("refused for what others did")
		}
		n++
	}))
	require.Positive(t, a.Take(spender, now), "who has spent everything is remembered")
}
