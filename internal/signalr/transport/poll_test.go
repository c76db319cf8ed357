package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

// tape is what all responses of a connection were given, in the order of writing.
type tape struct {
	mu   sync.Mutex
	text strings.Builder
}

// taped is a response that takes deadlines.
type taped struct {
	*httptest.ResponseRecorder
	tape     *tape
	fail     error
	deadline time.Time
}

func (w *taped) Write(b []byte) (int, error) {
	if w.fail != nil {
		return 0, w.fail
	}
	w.tape.mu.Lock()
	defer w.tape.mu.Unlock()
	w.tape.text.Write(b)
	return len(b), nil
}

func (w *taped) FlushError() error { return w.fail }

func (w *taped) SetWriteDeadline(at time.Time) error {
	w.deadline = at
	return nil
}

func numbered(from, to int) []*wire.Frame {
	var frames []*wire.Frame
	for i := from; i < to; i++ {
		f := wire.FrameOf(wire.OpText, fmt.Appendf(make([]byte, wire.MaxHeader), "%d\x1e", i))
		frames = append(frames, &f)
	}
	return frames
}

func testPolling() *LongPolling {
	b := &Buffers{largest: maxRun}
	epoch := time.Now()
	return NewLongPolling(NewInbox(0, b), time.Second, 30*time.Second, func() int64 { return int64(time.Since(epoch)) })
}

// The responses together get exactly the messages that there were to write, whatever happens to the requests: they
// are superseded, time out, and are given up before, while and after they are given something.
func TestNothingIsLostBetweenPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const count, batch = 10_000, 25
		polling, written := testPolling(), &tape{}
		finished := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < count && err == nil; i += batch {
				err = polling.Write(numbered(i, i+batch))
				if i%100 == 0 {
					<-time.After(time.Duration(i%7) * time.Millisecond)
				}
			}
			finished <- err
		}()
		random := rand.New(rand.NewPCG(3, 4))
		var group sync.WaitGroup
		for len(finished) == 0 {
			ctx, cancel := context.WithCancel(t.Context())
			patience := time.Duration(random.IntN(1200)) * time.Millisecond
			group.Go(func() {
				defer cancel()
				w := &taped{ResponseRecorder: httptest.NewRecorder(), tape: written}
				polling.Serve(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), http.NewResponseController(w))
			})
			switch random.IntN(4) {
			case 0:
				cancel()
			case 1:
				group.Go(func() { <-time.After(patience); cancel() })
			case 2:
				synctest.Wait()
			default:
				<-time.After(patience)
			}
		}
		require.NoError(t, <-finished)
		group.Wait()
		var want strings.Builder
		for i := range count {
			fmt.Fprintf(&want, "%d\x1e", i)
		}
		require.Equal(t, want.String(), written.text.String())
		require.Zero(t, polling.present)
		require.Nil(t, polling.waiting)
	})
}

// A response that broke off may have arrived in part, so the connection must not go on.
func TestBrokenPollEndsTheConnection(t *testing.T) {
	t.Parallel()
	polling := testPolling()
	result := make(chan error, 1)
	go func() { result <- polling.Write(numbered(0, 1)) }()
	broken := errors.New("broken pipe")
	w := &taped{ResponseRecorder: httptest.NewRecorder(), tape: &tape{}, fail: broken}
	polling.Serve(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), http.NewResponseController(w))
	require.ErrorIs(t, <-result, broken)
	require.WithinDuration(t, time.Now().Add(30*time.Second), w.deadline, time.Minute,
		"a client that reads nothing is bounded")
}

// A poll whose client is gone when it is given something gives it back, for the next poll.
func TestPollOfAClientThatIsGone(t *testing.T) {
	t.Parallel()
	polling, lost, written := testPolling(), &tape{}, &tape{}
	result := make(chan error, 1)
	go func() { result <- polling.Write(numbered(0, 1)) }()
	ctx, cancel := context.WithCancel(t.Context())
	gone := &taped{ResponseRecorder: httptest.NewRecorder(), tape: lost}
	p := polling.enter()
	given := <-p.given
	cancel()
	polling.hand(p, gone, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), http.NewResponseController(gone),
		given)
	polling.leave()
	require.Empty(t, lost.text.String())

	next := &taped{ResponseRecorder: httptest.NewRecorder(), tape: written}
	polling.Serve(next, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil),
		http.NewResponseController(next))
	require.NoError(t, <-result)
	require.Equal(t, "0\x1e", written.text.String())
}

func TestFittingFrames(t *testing.T) {
	t.Parallel()
	of := func(sizes ...int) (frames []*wire.Frame) {
		for _, size := range sizes {
			frames = append(frames, &wire.Frame{Bytes: make([]byte, 4+size), Header: 4})
		}
		return frames
	}
	require.Equal(t, 2, fitting(of(1, maxResponse-1)))
	require.Equal(t, 1, fitting(of(1, maxResponse)))
	require.Equal(t, 1, fitting(of(maxResponse+1, 1)))
	require.Equal(t, 1, fitting(of(10*maxResponse)))
	require.Equal(t, 3, fitting(of(1, 1, 1)))
}
