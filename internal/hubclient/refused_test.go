package hubclient_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/signalr"
)

func TestFollowEndsWhenRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	h.refusal = &signalr.HubError{Message: "Forbidden"}
	cfg := h.config()
	cfg.ForbiddenPatience = patience // it is for followers that were let in before
	f := follow(t, cfg, hubclient.Subscription{Group: h.group})
	err := within(t, f.ended, "the end")
	var refused *hubclient.HubError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Forbidden())
	require.Equal(
		t, "An unexpected error occurred invoking 'ResumeOrder' on the server. HubException: Forbidden", refused.Message,
	)
	require.Empty(t, f.disconnected)
}

// A server whose database is away refuses every client, also those that were in the group a moment ago.
func TestFollowTriesAgainWhereItHasBeenLetIn(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	cfg := h.config()
	cfg.ForbiddenPatience = patience
	f := follow(t, cfg, hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	for round := range int64(2) {
		h.do(func() { h.refusal = &signalr.HubError{Message: "Forbidden"} })
		h.kill()
		h.publish(event.OrderPlaced, 1)
		h.start(t)
		for refusals := 0; refusals < 3; {
			if refused, ok := errors.AsType[*hubclient.HubError](within(t, f.disconnected, "OnDisconnected")); ok {
				require.True(t, refused.Forbidden())
				refusals++
			}
		}
		h.do(func() { h.refusal = nil })
		f.expect(t, h, round+1, round+1)
		require.Equal(t, round+1, within(t, f.results, "OnResumed").Sequence)
	}
}

func TestFollowEndsWhenItIsRefusedForLong(t *testing.T) {
	t.Parallel()
	h := newHub(t, anOrder())
	cfg := h.config()
	cfg.ForbiddenPatience = 100 * time.Millisecond
	f := follow(t, cfg, hubclient.Subscription{Group: h.group})
	within(t, f.results, "OnResumed")
	h.do(func() { h.refusal = &signalr.HubError{Message: "Forbidden"} })
	h.kill()
	h.start(t)
	var refused *hubclient.HubError
	require.ErrorAs(t, within(t, f.ended, "the end"), &refused)
	require.True(t, refused.Forbidden())
}

func TestFollowEndsWhereTheMethodDoesNotExist(t *testing.T) {
	t.Parallel()
	h := newHub(t, event.Analytics) // the hub of these tests does not have this group
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	var refused *hubclient.HubError
	require.ErrorAs(t, within(t, f.ended, "the end"), &refused)
	require.Contains(t, refused.Message, "Method does not exist.")
}

func TestFollowRetriesWhatMayPass(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"a failure":        errors.New("the database is away"),
		"an expired token": &signalr.HubError{Message: "Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, anOrder())
			h.publish(event.OrderPlaced, 1)
			h.do(func() { h.refusal = failure })
			f := follow(t, h.config(), hubclient.Subscription{Group: h.group, LastEventID: &uuid.Nil})
			for range 3 {
				within(t, f.disconnected, "OnDisconnected")
			}
			h.do(func() { h.refusal = nil })
			f.expect(t, h, 1, 1)
		})
	}
}

func TestFollowEndsAtARefusedNegotiate(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			h := newHub(t, anOrder())
			h.status = status
			f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
			var refused *hubclient.StatusError
			require.ErrorAs(t, within(t, f.ended, "the end"), &refused)
			require.Equal(t, hubclient.StatusError{Step: "negotiate", Code: status}, *refused)
		})
	}
	t.Run("not of a server that is busy", func(t *testing.T) {
		t.Parallel()
		h := newHub(t, anOrder())
		h.status = http.StatusServiceUnavailable
		f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
		within(t, f.disconnected, "OnDisconnected")
		h.do(func() { h.status = 0 })
		within(t, f.results, "OnResumed")
	})
}

// The answer comes from no hub, or cannot be trusted: waiting would be in vain.
//
// Acceptance: A-544.
func TestFollowEndsWhereThereIsNoHub(t *testing.T) {
	t.Parallel()
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>welcome</html>"))
		}
	}
	plain, encrypted := httptest.NewServer(page(http.StatusOK)), httptest.NewUnstartedServer(page(http.StatusOK))
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // about handshakes that end
	encrypted.StartTLS()
	wrong := httptest.NewServer(page(http.StatusMethodNotAllowed))
	for _, server := range []*httptest.Server{plain, encrypted, wrong} {
		t.Cleanup(server.Close)
	}
	for url, want := range map[string]string{
		plain.URL: "not an answer to negotiate",
		"https" + strings.TrimPrefix(plain.URL, "http"): "server gave HTTP response to HTTPS client",
		encrypted.URL: "failed to verify certificate",
		"http" + strings.TrimPrefix(encrypted.URL, "https"): "400 Bad Request",
		wrong.URL: "405 Method Not Allowed",
	} {
		f := follow(t, hubclient.Config{URL: url}, hubclient.Subscription{Group: anOrder()})
		require.ErrorContains(t, within(t, f.ended, "the end"), want)
		require.Empty(t, f.disconnected, url)
	}
}
