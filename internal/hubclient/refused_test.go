package hubclient_test

import (
	"errors"
	"net/http"
	"testing"

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
	f := follow(t, h.config(), hubclient.Subscription{Group: h.group})
	err := within(t, f.ended, "the end")
	var refused *hubclient.HubError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Forbidden())
	require.Equal(t, "An unexpected error occurred invoking 'ResumeOrder' on the server. HubException: Forbidden", refused.Message)
	require.Empty(t, f.disconnected)
}

func TestFollowEndsWhereTheMethodDoesNotExist(t *testing.T) {
	t.Parallel()
	h := newHub(t, event.Analytics) // which the hub of these tests does not have
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
