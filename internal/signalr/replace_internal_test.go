package signalr

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr/transport"
)

type someone struct{ expires time.Time }

func (someone) ID() string             { return "u" }
func (u someone) ExpiresAt() time.Time { return u.expires }

// New credentials come when the sweeper has seen that the old ones have expired: the connection ends, or it has the
// new ones and lives.
//
// Acceptance: A-502.
func TestNewCredentialsAreNotExpiredOnes(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Authenticate: func(*http.Request) (User, error) { return someone{}, nil }})
	require.NoError(t, err)
	hub := NewHub("test")
	before, behind := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	var lived, ended int
	for range 5000 {
		c := &Conn{host: &s.host, hub: hub}
		c.polls = transport.NewLongPolling(transport.NewInbox(0, s.buffers), s.cfg.PollTimeout, s.cfg.WriteTimeout, c.now)
		c.transport = c.polls
		c.prepare(someone{before})
		c.drain = func() {}
		var both sync.WaitGroup
		both.Go(func() { c.check(c.now(), before.UnixNano()) })
		err := c.Replace(context.Background(), someone{behind}, func() {})
		both.Wait()
		if err == nil {
			lived++
			require.Nil(t, c.ending, "it was given new ones in time")
			require.Equal(t, behind, c.User().ExpiresAt())
			c.check(c.now(), before.UnixNano())
			require.NoError(t, c.ctx.Err())
		} else {
			ended++
			require.ErrorIs(t, err, ErrClosed)
			require.NotNil(t, c.ending)
			require.Equal(t, before, c.User().ExpiresAt())
		}
		c.cancel()
		c.transport.Close()
	}
	t.Logf("%d lived, %d ended", lived, ended)
}
