package hubs_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

// resourceHub is one of the hubs whose groups are named after an id.
type resourceHub struct {
	path, name string
	group      func(uuid.UUID) event.Group
	event      event.Event
	method     string
}

func resourceHubs() map[string]resourceHub {
	object := event.Event{Type: event.OrderStatusChanged, Audience: event.Both}
	positional := event.Event{
		Type: event.CartConverted, Payload: json.RawMessage(`{"orderId":"f47ac10b-58cc-4372-a567-0e02b2c3d479"}`),
	}
	all := map[string]resourceHub{}
	for _, hub := range event.Hubs() {
		for _, kind := range hub.Groups {
			switch {
			case kind.Resource == "":
			case kind.Cursor:
				all[hub.Name()] = resourceHub{hub.Path, kind.Method, kind.Group, positional, "ReceiveConverted"}
			default:
				all[hub.Name()] = resourceHub{hub.Path, kind.Method, kind.Group, object, "ReceiveOrderStatusChanged"}
			}
		}
	}
	return all
}

// resuming returns the arguments of the hub's Resume method for a client that asks for the cursor of each event.
func (h resourceHub) resuming(id uuid.UUID, last any) []any {
	if h.name == "Cart" {
		return []any{id, last, true}
	}
	return []any{id, last}
}

// each runs test for each hub, with a group that the client may join.
func each(t *testing.T, test func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client)) {
	t.Helper()
	for name, h := range resourceHubs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			id := uuid.New()
			c := s.connect(h.path, auth.Grant{Subject: "u", Permissions: []string{h.group(id).String()}})
			test(t, s, h, id, c)
		})
	}
}

// Acceptance,
//
func TestSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		require.Equal(t, "null", c.must("SubscribeTo"+h.name, strings.ToUpper(id.String())))
		require.Equal(t, "null", c.must(strings.ToLower("SubscribeTo"+h.name), id.String()), "twice delivers once")
		s.publish(h.group(id), h.event)
		s.publish(h.group(id), h.event)
		for range 2 {
			in := c.next()
			require.Equal(t, h.method, in.Target)
			require.Len(t, in.Arguments, 1)
		}
		for range 2 {
			require.Equal(t, "null", c.must("UnsubscribeFrom"+h.name, id))
		}
		s.publish(h.group(id), h.event)
		c.must("UnsubscribeFrom"+h.name, uuid.New()) // needs no permission
		require.Empty(t, c.seen)
		require.Zero(t, s.b.Members(h.group(id)))
	})
}

// Acceptance.
func TestResume(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		method := "Resume" + h.name
		require.JSONEq(
			t, `{"status":"resumed","replayed":0,"lastEventId":"00000000-0000-0000-0000-000000000000","sequence":0}`,
			c.must(method, id, nil))
		c.must("UnsubscribeFrom"+h.name, id)
		first := s.publish(h.group(id), h.event)
		s.publish(h.group(id), h.event)
		third := s.publish(h.group(id), h.event)
		result := func(status string, replayed int, l event.Logged) string {
			return fmt.Sprintf(`{"status":%q,"replayed":%d,"lastEventId":%q,"sequence":%d}`, status, replayed, l.ID, l.Sequence)
		}
		require.Equal(t, result("resumed", 2, third), c.must(method, h.resuming(id, strings.ToUpper(first.ID.String()))...))
		require.Len(t, c.seen, 2, "all of it came before the completion")
		require.EqualValues(t, 2, c.sequence())
		require.EqualValues(t, 3, c.sequence())
		fourth := s.publish(h.group(id), h.event)
		require.EqualValues(t, 4, c.sequence())

		c.must("UnsubscribeFrom"+h.name, id)
		require.Equal(t, result("resumed", 4, fourth), c.must(method, h.resuming(id, uuid.Nil)...))
		for i := range 4 {
			require.EqualValues(t, i+1, c.sequence())
		}
		require.Equal(t, result("gap", 0, fourth), c.must(method, id, uuid.New()))
		require.Equal(t, result("resumed", 0, fourth), c.must(method, id, nil))
		c.must("UnsubscribeFrom"+h.name, id)
		s.publish(h.group(id), h.event)
		sixth := s.publish(h.group(id), h.event)
		require.Equal(t, result("gap", 0, sixth), c.must(method, h.resuming(id, uuid.Nil)...), "more than the limit")
		require.Empty(t, c.seen)
	})
}

// Acceptance.
func TestRefusals(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		other := uuid.New()
		for _, method := range []string{"SubscribeTo" + h.name, strings.ToUpper("SubscribeTo" + h.name)} {
			c.refused("Forbidden", method, other)
			s.guard.set(errAway, nil)
			c.refused("Forbidden", method, id)
			s.guard.set(policy.ErrUnauthorized, nil)
			c.refused("Unauthorized", method, id)
			s.guard.set(nil, nil)
		}
		for _, last := range []any{nil, uuid.Nil, uuid.New()} {
			c.refused("Forbidden", "Resume"+h.name, other, last)
			s.guard.set(policy.ErrUnauthorized, nil)
			c.refused("Unauthorized", "Resume"+h.name, id, last)
			s.guard.set(nil, nil)
		}
		require.Zero(t, s.b.Stats().Members)
		require.Empty(t, c.seen, "ErrorOccurred is the admin hub's")
	})
}

// Acceptance.
func TestArgumentsThatDoNotBind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, _ *server, h resourceHub, id uuid.UUID, c *client) {
		t.Helper()
		text := id.String()
		for _, arg := range []any{
			nil, 7, true, "", "x", "{" + text + "}", "urn:uuid:" + text, strings.ReplaceAll(text, "-", ""), " " + text,
			text + " ",
			strings.Replace(text, "-", "0", 1), "g" + text[1:],
			[]any{text},
			map[string]any{},
		} {
			for _, method := range []string{"SubscribeTo" + h.name, "UnsubscribeFrom" + h.name} {
				require.Equal(
					t, "Failed to invoke '"+method+"' due to an error on the server.", c.call(method, arg).Error, "%v", arg,
				)
			}
			require.Equal(t, "Failed to invoke 'Resume"+h.name+"' due to an error on the server.",
				c.call("Resume"+h.name, arg, nil).Error, "%v", arg)
			if arg != nil {
				require.Equal(t, "Failed to invoke 'Resume"+h.name+"' due to an error on the server.",
					c.call("Resume"+h.name, id, arg).Error, "%v", arg)
			}
		}
		for _, args := range [][]any{{}, {id}, {id, id, id}, {id, id, true, id}} {
			require.Equal(
				t, "Failed to invoke 'Resume"+h.name+"' due to an error on the server.", c.call("Resume"+h.name, args...).Error,
			)
		}
		require.Equal(t, "Failed to invoke 'Subscribe' due to an error on the server. HubException: Method does not exist.",
			c.call("Subscribe").Error)
		c.must("SubscribeTo"+h.name, id) // the connection lives on
	})
}

// TestRevokedWhileThePermissionIsBeingChecked: the check says yes, then the revocation is handled, and only then the
// connection would join.
//
// Acceptance: A-309.
func TestRevokedWhileThePermissionIsBeingChecked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	g := event.OrderGroup(id)
	c := s.connect(event.CustomerOrdersPath, auth.Grant{Subject: "u", Permissions: []string{g.String()}})
	revocation := event.Event{
		Type: event.AccessRevoked, ResourceID: id, Payload: json.RawMessage(`{"policy":"MustBeOrderOwner","userId":"u"}`),
	}
	var asked atomic.Int32
	s.guard.set(nil, func(event.Group) {
		if asked.Add(1) == 1 {
			s.publish(g, revocation)
			s.guard.set(policy.ErrForbidden, nil)
		}
	})
	c.refused("Forbidden", "SubscribeToOrder", id)
	require.Zero(t, s.b.Members(g))

	asked.Store(0)
	s.guard.set(nil, func(event.Group) { asked.Add(1); s.publish(g, revocation) })
	c.refused("Forbidden", "ResumeOrder", id, nil)
	require.EqualValues(t, 5, asked.Load(), "it gives up")

	s.guard.set(nil, nil)
	c.must("SubscribeToOrder", id)
	s.publish(g, revocation)
	require.Zero(t, s.b.Members(g))
}

// Acceptance.
func TestTeamCartShapes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	grant := auth.Grant{Subject: "u", Permissions: []string{event.TeamCartGroup(id).String()}}
	var last event.Logged
	publish := func() {
		last = s.publish(event.TeamCartGroup(id), event.Event{
			Type: event.CartPaymentEvent, ResourceID: id, Payload: json.RawMessage(`{"userId":"p","status":"Paid"}`),
		})
	}
	receives := func(c *client, of event.Logged, cursor bool) {
		t.Helper()
		raw, err := json.Marshal(c.next())
		require.NoError(t, err)
		trailing := ""
		if cursor {
			trailing = fmt.Sprintf(`,{"eventId":%q,"sequence":%d,"occurredOnUtc":"2026-01-02T03:04:05Z"}`, of.ID, of.Sequence)
		}
		require.JSONEq(t, `{"target":"ReceivePaymentEvent","arguments":["p","Paid"`+trailing+`]}`, string(raw))
	}
	subscribed, resumed, asking := s.connect(event.TeamCartPath, grant), s.connect(event.TeamCartPath, grant),
		s.connect(event.TeamCartPath, grant)
	declining, null, changing := s.connect(event.TeamCartPath, grant), s.connect(event.TeamCartPath, grant),
		s.connect(event.TeamCartPath, grant)
	subscribed.must("SubscribeToCart", id)
	resumed.must("ResumeCart", id, nil)
	asking.must("ResumeCart", id, nil, true)
	declining.must("ResumeCart", id, nil, false)
	null.must("ResumeCart", id, nil, nil)
	publish()
	first := last
	for _, c := range []*client{subscribed, resumed, declining, null} {
		receives(c, first, false)
	}
	receives(asking, first, true)

	// The last request decides, for replayed and for live events.
	for _, wish := range []struct {
		method string
		args   []any
		cursor bool
	}{
		{"ResumeCart", []any{id, uuid.Nil}, false},
		{"ResumeCart", []any{id, uuid.Nil, true}, true},
		{"SubscribeToCart", []any{id}, false},
		{"resumecart", []any{id, nil, true}, true},
		{"ResumeCart", []any{id, uuid.Nil, false}, false},
	} {
		changing.must(wish.method, wish.args...)
		if len(wish.args) > 1 && wish.args[1] != nil {
			for n := first.Sequence; n <= last.Sequence; n++ {
				in := changing.next()
				require.Len(t, in.Arguments, map[bool]int{false: 2, true: 3}[wish.cursor])
			}
		}
		publish()
		receives(changing, last, wish.cursor)
		receives(asking, last, true)
	}

	// A value that is no boolean does not bind, as in .NET, and changes nothing.
	for _, odd := range []any{1, 0, "true", "", []any{}, map[string]any{}, 1.5} {
		require.Equal(
			t, "Failed to invoke 'ResumeCart' due to an error on the server.", asking.call("ResumeCart", id, nil, odd).Error,
		)
	}
	require.Equal(
		t, "Failed to invoke 'ResumeCart' due to an error on the server.",
		asking.call("ResumeCart", id, nil, true, true).Error,
	)
	require.Equal(t, "Failed to invoke 'ResumeCart' due to an error on the server.", asking.call("ResumeCart", id).Error)
	publish()
	receives(asking, last, true)
}

// Only the team cart hub has the trailing argument.
func TestOtherHubsResumeWithTwoArguments(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	c := s.connect(
		event.CustomerOrdersPath, auth.Grant{Subject: "u", Permissions: []string{event.OrderGroup(id).String()}},
	)
	require.Equal(
		t, "Failed to invoke 'ResumeOrder' due to an error on the server.", c.call("ResumeOrder", id, nil, true).Error,
	)
	c.must("ResumeOrder", id, nil)
}

// Acceptance.
func TestTeamCartHubExistsOnlyWhenEnabled(t *testing.T) {
	t.Parallel()
	s := setup(t, func(s *server) { s.teamCart = false })
	token := s.token(auth.Grant{Subject: "u"})
	for path, status := range map[string]int{
		event.TeamCartPath: http.StatusNotFound, event.CustomerOrdersPath: http.StatusOK,
	} {
		got, _ := s.post(path+"/negotiate?negotiateVersion=1", token)
		require.Equal(t, status, got, path)
	}
}

// Acceptance.
func TestHubsAskForAToken(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, hub := range event.Hubs() {
		path := hub.Path
		for _, token := range []string{"", "nonsense", s.token(auth.Grant{Subject: "u", TTL: -time.Hour})} {
			for _, suffix := range []string{"", "/negotiate?negotiateVersion=1"} {
				status, challenge := s.post(path+suffix, token)
				require.Equal(t, http.StatusUnauthorized, status, "%s %q", path+suffix, token)
				want := "Bearer"
				if token != "" {
					want = `Bearer error="invalid_token"`
				}
				require.Equal(t, want, challenge)
			}
		}
		want := http.StatusOK
		if path == event.AdminPath {
			want = http.StatusForbidden
		}
		status, _ := s.post(path+"/negotiate?negotiateVersion=1", s.token(auth.Grant{Subject: "u"}))
		require.Equal(t, want, status, path)
	}
}
