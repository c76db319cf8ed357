package signalr_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// pollFate is what a client does with one poll.
type pollFate int

const (
	fetched    pollFate = iota // wait for its answer
	superseded                 // poll again before it
	cancelled                  // lose patience
)

// TestRacingPolls sends 10,000 messages to a client that polls before the last poll is answered, and cancels polls.
// In all answers that it has read, in the order in which it asked, nothing comes twice or too early. Nothing is
// missing, except behind a poll that the client cancelled itself, whose answer may have been on its way.
func TestRacingPolls(t *testing.T) {
	t.Parallel()
	for name, fates := range map[string][]pollFate{
		"superseded":               {fetched, superseded},
		"cancelled":                {fetched, cancelled},
		"superseded and cancelled": {fetched, superseded, cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollingInBubble(t, func(b *bubble, p *poller, conn *signalr.Conn) {
				const count = 10_000
				sent := make(chan error, 1)
				go func() { sent <- sendNumbers(conn, count) }()
				polls := p.raceUntil(fates, func() bool { return len(sent) > 0 && conn.QueuedBytes() == 0 })
				require.NoError(b.t, <-sent)
				requireNumbers(b.t, polls, count)
			})
		})
	}
}

// sendNumbers lets the queue run empty now and then, so that several hundred polls find something, and then pauses,
// so that polls wait.
func sendNumbers(conn *signalr.Conn, count int) error {
	for i := range count {
		if err := conn.Send(message("M", strconv.Itoa(i))); err != nil {
			return err
		}
		if i%20 == 0 {
			if err := conn.WaitQueue(context.Background(), 1); err != nil {
				return err
			}
			<-time.After(time.Duration(i%3) * time.Millisecond) // the bubble's time
		}
	}
	return nil
}

type racingPoll struct {
	fate pollFate
	done chan struct{}
	answer
}

func (p *poller) raceUntil(fates []pollFate, done func() bool) (polls []*racingPoll) {
	p.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for !done() {
		poll := &racingPoll{fate: fates[random.IntN(len(fates))], done: make(chan struct{})}
		polls = append(polls, poll)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer close(poll.done)
			defer cancel()
			poll.answer = p.fetch(ctx)
		}()
		switch poll.fate {
		case superseded:
			synctest.Wait() // or the next one might overtake it
			continue
		case cancelled:
			if random.IntN(2) == 0 {
				synctest.Wait()
			}
			cancel()
		case fetched:
		}
		<-poll.done
	}
	for _, poll := range polls {
		<-poll.done
	}
	return polls
}

// fetch returns an answer without a status where it has not been read to its end.
func (p *poller) fetch(ctx context.Context) answer {
	response, err := p.request(ctx, http.MethodGet, nil)
	if err != nil {
		return answer{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}
	}
	return answer{status: response.StatusCode, body: string(body)}
}

func requireNumbers(t *testing.T, polls []*racingPoll, count int) {
	t.Helper()
	next, excused := 0, false
	kinds := map[pollFate]int{}
	for _, poll := range polls {
		if poll.status == 0 {
			kinds[cancelled]++
			excused = true
			continue
		}
		if poll.fate == superseded && poll.status == http.StatusNoContent {
			kinds[superseded]++
		}
		for record := range strings.SplitSeq(poll.body, "\x1e") {
			if record == "" {
				continue
			}
			var n int
			_, err := fmt.Sscanf(record, `{"type":1,"target":"M","arguments":[%d]}`, &n)
			require.NoError(t, err, record)
			if !excused {
				require.Equal(t, next, n)
			}
			require.GreaterOrEqual(t, n, next)
			next, excused = n+1, false
		}
	}
	if !excused {
		require.Equal(t, count, next)
	}
	require.Positive(t, kinds[superseded]+kinds[cancelled], "nothing has raced")
	t.Logf("%d polls, %d superseded, %d cancelled", len(polls), kinds[superseded], kinds[cancelled])
}
