package signalr

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// anyNumber draws from all of int64, most often its ends and numbers near about.
func anyNumber(about int64) *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64(), rapid.Int64Range(about-3, about+3), rapid.Int64Range(-2, 5),
		rapid.Int64Range(math.MinInt64, math.MinInt64+5), rapid.Int64Range(math.MaxInt64-5, math.MaxInt64),
	)
}

// Whatever the client sends, two things hold, or the connection ends with an error. The server keeps what the client
// has not received. Each of the client's messages is handled once, in order.
func TestNumbersLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newStateful()
		p := wire.JSON{}
		var sent, held int64    // written, and received by an honest client
		var spoken, heard int64 // the client's messages that it has numbered, and those that were handled
		least := int64(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0: // the server writes, and the client receives some of it
				queue := make([]*wire.Frame, rapid.IntRange(1, 4).Draw(t, "messages"))
				for i := range queue {
					f := wire.PingFrame(p)
					f.Numbered = true
					queue[i] = &f
				}
				_, waiting := s.batch(p, nil, queue, math.MaxInt)
				require.Empty(t, waiting)
				sent += int64(len(queue))
				held = rapid.Int64Range(held, sent).Draw(t, "received")
			case 1: // an honest acknowledgement
				require.NoError(t, s.acknowledge(held))
			case 2: // any number: of more than was sent it is an error, else the client's word counts
				claimed := anyNumber(sent).Draw(t, "acknowledged")
				if s.acknowledge(claimed) != nil {
					require.Greater(t, claimed, sent)
					continue
				}
				require.LessOrEqual(t, claimed, sent)
				held = max(held, claimed)
			case 3: // the client speaks
				if s.awaiting {
					continue
				}
				id := s.next
				admitted := s.admit(&wire.Inbound{Kind: wire.TypeInvocation})
				require.Equal(t, id == heard+1, admitted)
				spoken = max(spoken, id)
				if admitted {
					heard++
				}
			case 4: // the client comes back, or claims to
				s.awaiting = rapid.Bool().Draw(t, "on a new transport")
				next, again := s.next, s.awaiting
				claimed := anyNumber(heard).Draw(t, "sequence")
				if s.restart(claimed) != nil {
					require.Equal(t, again, s.awaiting)
					s.awaiting = false
					continue
				}
				if !again {
					require.Equal(t, next, claimed, "nothing is ignored")
					continue
				}
				require.True(t, least <= claimed && claimed <= heard+1)
				least = claimed
			}
			require.LessOrEqual(t, s.first, held+1, "what was not received is kept")
			require.Equal(t, sent, s.first+int64(len(s.unacked))-1)
			require.Equal(t, heard, s.received.Load())
		}
	})
}
