package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// HERALD_REPLAY_LIMIT is the same for a resume and for polling: that many events are replayed, and one more is a
// gap.
//
// Acceptance: A-243.
func TestTheReplayLimitIsTheServersForHubsAndPolling(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	s, d, p := serve(t, dsn, "HERALD_REPLAY_LIMIT=5"), drive(t), produce(t, dsn)
	o := newOrder()
	token := mint(t, auth.Grant{Subject: "alice", Permissions: []string{"OrderOwner:" + o.id.String()}})
	c := d.connect(t, s.url+customerHub, token)
	c.call(t, "SubscribeToOrder", o.id)
	var ids []uuid.UUID
	for range 7 {
		ids = append(ids, o.changed(t, p, "Preparing"))
		c.next(t)
	}
	for after, want := range map[uuid.UUID]struct {
		status string
		events int
	}{ids[1]: {"resumed", 5}, ids[0]: {"gap", 0}, uuid.Nil: {"gap", 0}} {
		c.call(t, "UnsubscribeFromOrder", o.id) // a member is not sent again what it has
		require.JSONEq(
			t, fmt.Sprintf(`{"status":%q,"replayed":%d,"lastEventId":%q,"sequence":7}`, want.status, want.events, ids[6]),
			c.call(t, "ResumeOrder", o.id, after))
		for range want.events {
			c.next(t)
		}
		status, answer := request(t, http.MethodGet,
			fmt.Sprintf("%s/api/realtime/events?hub=customer-orders&resource=%s&after=%s", s.url, o.id, after), token, "")
		require.Equal(t, http.StatusOK, status, answer.body)
		var page struct {
			Status string
			Events []json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(answer.body), &page))
		require.Equal(t, want.status, page.Status)
		require.Len(t, page.Events, want.events)
	}
}
