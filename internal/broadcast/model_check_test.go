package broadcast

import (
	"slices"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/eventlog"
)

// receive checks a message at the moment it is queued.
func (w *world) receive(p *peer, c content) {
	pl := p.places[c.Group]
	want := pl.shape
	if c.Group != cartGroup {
		want = event.Plain
	}
	if pl.catchingUp() && pl.call.left == nil {
		pl.call.replayed = append(pl.call.replayed, c.Sequence)
		return
	}
	require.True(w.t, pl.member, "%s is not in %s", p.id, c.Group)
	require.Equal(w.t, pl.next, c.Sequence, "%s in %s", p.id, c.Group)
	require.Equal(w.t, want, c.shape)
	pl.next++
}

// joined checks the result and the replay of a call against the model.
func (w *world) joined(pl *place, g event.Group, r Result) {
	c := pl.call
	t := w.t
	require.True(t, c.began)
	require.False(t, c.joined)
	require.NoError(t, c.left)
	c.joined = true
	require.Len(t, c.replayed, r.Replayed)
	all, cut := w.log.groups[g], w.log.cut[g]
	x := int64(slices.IndexFunc(all, func(l event.Logged) bool { return l.ID == c.cursor.EventID }) + 1)
	newest := c.head
	fills := func() bool { return pl.member && pl.since.fills(x) }
	upTo := func() int64 {
		if fills() {
			return max(x, min(c.head, pl.since.sequence))
		}
		return max(x, c.head)
	}
	switch {
	case r.Status == Gap:
		require.NotEqual(t, eventlog.Live, c.cursor.Kind)
		tooFar := upTo()-x > w.limit
		if c.cursor.Kind == eventlog.Beginning { // the start depends on what the ring and the log still hold
			for x = c.cut; x <= cut && !tooFar; x++ {
				tooFar = upTo()-x > w.limit
			}
		}
		missing := c.cursor.Kind == eventlog.After && (x == 0 || x <= cut)
		torn := cut > c.cut // the retention dropped events during the replay
		require.True(t, tooFar || missing || torn, "a gap without a reason: cursor %d head %d cut %d", x, c.head, cut)
		require.True(t, r.Replayed == 0 || torn)
		if !pl.member {
			pl.since = since{sequence: c.head}
		}
	case c.cursor.Kind == eventlog.Live:
		require.Zero(t, r.Replayed)
		if !pl.member {
			pl.since = since{sequence: c.head}
		}
	default:
		if c.cursor.Kind == eventlog.Beginning {
			x = min(upTo(), c.head)
			if len(c.replayed) > 0 {
				x = c.replayed[0] - 1
			}
			require.LessOrEqual(t, x, max(cut, c.head))
		} else {
			require.NotZero(t, x)
		}
		require.LessOrEqual(t, int64(r.Replayed), w.limit)
		if c.cursor.Kind == eventlog.After || r.Replayed > 0 {
			require.Equal(t, span64(x+1, upTo()), append([]int64{}, c.replayed...))
		}
		newest = max(x, c.head)
		if !pl.member || fills() {
			pl.since = since{sequence: x, resumed: true}
		}
	}
	require.Equal(t, newest, r.Sequence)
	if newest > cut || r.LastEventID != uuid.Nil { // else no event of the group is left
		require.Equal(t, all[newest-1].ID, r.LastEventID)
	}
	pl.member, pl.next = true, newest+1
}

// checkQuiet compares every place with the model when no resume is under way: nothing is missing.
func (w *world) checkQuiet() {
	members := 0
	for _, p := range w.peers {
		groups := w.b.Groups(p.client)
		if p.closed != "" {
			members += len(groups)
			continue
		}
		for g, pl := range p.places {
			require.Equal(w.t, pl.member, slices.Contains(groups, g), "%s in %s", p.id, g)
			if pl.member {
				members++
				require.Greater(w.t, pl.next, w.heads[g], "%s misses events of %s", p.id, g)
			}
		}
	}
	stats := w.b.Stats()
	require.EqualValues(w.t, members, stats.Members)
	require.LessOrEqual(w.t, stats.RingBytes, w.ring+20000) // messages built since the last event count as well
	if stats.RingEntries == 0 {
		require.Zero(w.t, stats.RingBytes)
	}
}

func span64(from, to int64) []int64 {
	s := []int64{}
	for i := from; i <= to; i++ {
		s = append(s, i)
	}
	return s
}
