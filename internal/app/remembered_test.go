package app

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// However many callers ask, there is one question at a time and one a second, and a failure is remembered like an
// answer.
//
// Acceptance: A-457.
func TestAnAnswerIsAskedForOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("no database")
		var asked, asking, most atomic.Int32
		r := &remembered[int32]{ask: func() (int32, error) {
			most.Store(max(most.Load(), asking.Add(1)))
			defer asking.Add(-1)
			time.Sleep(300 * time.Millisecond)
			if n := asked.Add(1); n != 2 {
				return n, nil
			}
			return 0, failed
		}}
		all := func(want int32, failure error) {
			t.Helper()
			const callers = 2500
			answers := make(chan error, callers)
			for range callers {
				go func() {
					answer, err := r.get(t.Context())
					if err == nil && answer != want {
						err = errors.New("another answer")
					}
					answers <- err
				}()
			}
			for range callers {
				require.Equal(t, failure, <-answers)
			}
		}
		all(1, nil)
		time.Sleep(rememberedFor - time.Millisecond)
		all(1, nil)
		time.Sleep(time.Millisecond)
		all(2, failed)
		all(2, failed)
		time.Sleep(rememberedFor)
		all(3, nil)
		require.Equal(t, int32(3), asked.Load())
		require.Equal(t, int32(1), most.Load())

		time.Sleep(rememberedFor)
		leaving, leave := context.WithCancel(t.Context())
		leave()
		_, err := r.get(leaving)
		require.ErrorIs(t, err, context.Canceled)
		all(4, nil) // the question went on without its caller
	})
}
