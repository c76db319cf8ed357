package hubs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

// refreshable is a client whose connection was negotiated.
type refreshable struct {
	*client
	s     *server
	path  string
	token string // the connection's token
	id    string
}

// negotiate opens a negotiated connection to the hub and shakes hands.
func (s *server) negotiate(path string, g auth.Grant) *refreshable {
	s.t.Helper()
	bearer := s.token(g)
	r, err := http.NewRequestWithContext(
		s.t.Context(), http.MethodPost, s.url+path+"/negotiate?negotiateVersion=1", http.NoBody,
	)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	status, body := s.do(r)
	require.Equal(s.t, http.StatusOK, status)
	c := &refreshable{s: s, path: path, token: body["connectionToken"].(string), id: body["connectionId"].(string)}
	url := strings.Replace(s.url, "http", "ws", 1) + path + "?access_token=" + bearer + "&id=" + c.token
	conn, in, _, err := ws.Dial(s.t.Context(), url)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	c.client = &client{t: s.t, conn: conn, in: in}
	c.send(`{"protocol":"json","version":1}`)
	require.Equal(s.t, `{}`, c.receive())
	return c
}

func (s *server) do(r *http.Request) (status int, body map[string]any) {
	s.t.Helper()
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(raw, &body), string(raw))
	return response.StatusCode, body
}

func (c *refreshable) request(ctx context.Context, bearer string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.s.url+c.path+"/refresh", http.NoBody)
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("X-SignalR-Connection-Token", c.token)
	return r
}

func (c *refreshable) refresh(bearer string) (status int, body map[string]any) {
	c.t.Helper()
	return c.s.do(c.request(c.t.Context(), bearer))
}

func (c *refreshable) refreshes(g auth.Grant) map[string]any {
	c.t.Helper()
	status, body := c.refresh(c.s.token(g))
	require.Equal(c.t, http.StatusOK, status, body)
	return body
}

func permissions(groups ...event.Group) auth.Grant {
	g := auth.Grant{Subject: "u", TTL: time.Hour}
	for _, group := range groups {
		g.Permissions = append(g.Permissions, group.String())
	}
	return g
}

// A request has the effect of RefreshToken: the new claims hold, the connection leaves groups that they no longer
// open, and stays in the others.
//
// Acceptance: A-497.
func TestARefreshByRequestReplacesTheClaims(t *testing.T) {
	t.Parallel()
	for name, h := range resourceHubs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			mine, other, kept := uuid.New(), uuid.New(), uuid.New()
			c := s.negotiate(h.path, permissions(h.group(mine), h.group(kept)))
			c.must("SubscribeTo"+h.name, mine)
			c.must("SubscribeTo"+h.name, kept)
			c.refused("Forbidden", "SubscribeTo"+h.name, other)
			body := c.refreshes(permissions(h.group(other), h.group(kept)))
			require.Equal(t, c.id, body["connectionId"])
			require.InDelta(t, 3600, body["tokenLifetimeSeconds"], 60)
			require.Zero(t, s.b.Members(h.group(mine)), "the new token does not open it")
			require.Equal(t, 1, s.b.Members(h.group(kept)))
			c.refused("Forbidden", "SubscribeTo"+h.name, mine)
			c.must("SubscribeTo"+h.name, other)

			status, body := c.refresh(s.token(auth.Grant{Subject: "mallory", Permissions: []string{h.group(mine).String()}}))
			require.Equal(t, http.StatusForbidden, status)
			require.Equal(t, "subject_changed", body["error"])
			for _, token := range []string{"nonsense", s.token(auth.Grant{Subject: "u", TTL: -time.Hour})} {
				status, body = c.refresh(token)
				require.Equal(t, http.StatusUnauthorized, status)
				require.Equal(t, "invalid_token", body["error"])
			}
			require.Equal(t, 1, s.b.Members(h.group(kept)))
			require.Equal(t, 1, s.b.Members(h.group(other)))
			c.must("UnsubscribeFrom"+h.name, other)
			c.must("SubscribeTo"+h.name, other)
		})
	}
}

// Acceptance: A-497.
func TestARefreshByRequestOnTheAdminHub(t *testing.T) {
	t.Parallel()
	var log journal
	s := setup(t, logging(&log))
	c := s.negotiate(event.AdminPath, admin())
	c.must("SubscribeToAlerts")
	log.take()
	status, body := c.refresh(s.token(auth.Grant{Subject: "boss"}))
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "forbidden", body["error"])
	require.Equal(t, 1, s.b.Members(event.Alerts), "the old token holds")
	c.must("SubscribeToAnalytics")
	c.refreshes(admin())
	require.Equal(t, 1, s.b.Members(event.Alerts))

	_, _ = c.refresh("nonsense")
	mallory := admin()
	mallory.Subject = "mallory"
	_, _ = c.refresh(s.token(mallory))
	for _, token := range []string{s.token(auth.Grant{Subject: "boss"}), "nonsense", s.token(mallory)} {
		c.refused("Unauthorized", "RefreshToken", token)
	}
	var lines []audited
	for _, line := range log.audited(t) {
		if line.Action == "refresh_token" {
			require.Equal(t, "refresh_token", line.Action)
			require.Equal(t, event.AdminPath, line.Path)
			require.Equal(t, "boss", line.Subject)
			require.Equal(t, c.id, line.ConnectionID)
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 7)
	require.Equal(t, "ok", lines[1].Outcome)
	for i, j := range map[int]int{0: 4, 2: 5, 3: 6} {
		require.Equal(t, lines[i].Reason, lines[j].Reason)
		require.Equal(t, lines[i].Error, lines[j].Error, "a request leaves the line that the method leaves")
	}
}

// A client that hangs up its request leaves nothing half done. If a permission cannot be checked, the connection is
// closed to resume.
//
// Acceptance: A-497.
func TestARefreshByRequestWhenNobodyCanBeAsked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id := uuid.New()
	g := event.OrderGroup(id)
	c := s.negotiate(event.CustomerOrdersPath, permissions(g))
	c.must("SubscribeToOrder", id)

	ctx, hangUp := context.WithCancel(t.Context())
	hung := make(chan error, 1)
	s.guard.set(nil, func(event.Group) {
		hangUp()
		<-hung // the client has gone
		hung <- nil
	})
	response, err := http.DefaultClient.Do(c.request(ctx, s.token(permissions())))
	if err == nil {
		_ = response.Body.Close()
	}
	hung <- nil
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(
		t, func() bool { return s.b.Members(g) == 0 }, patience, time.Millisecond, "it was done to the end",
	)
	c.must("UnsubscribeFromOrder", id) // the connection lives

	s.guard.set(nil, nil)
	c.refreshes(permissions(g))
	c.must("SubscribeToOrder", id)
	s.guard.set(policy.ErrUndecided, nil)
	c.refreshes(permissions(g))
	require.JSONEq(t, `{"type":7,"error":"permissions could not be checked","allowReconnect":true}`, c.receive())
}

// A running method keeps the claims that it began with, but leaves the connection in no group that the new claims do
// not open.
//
// Acceptance: A-503.
func TestAMethodThatRunsWhileTheTokenIsReplaced(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"SubscribeToOrder", "ResumeOrder"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			id := uuid.New()
			g := event.OrderGroup(id)
			args := []any{id}
			if method == "ResumeOrder" {
				args = append(args, nil)
			}
			c := s.negotiate(event.CustomerOrdersPath, permissions(g))
			var once sync.Once
			asked, goOn := make(chan struct{}), make(chan struct{})
			s.guard.set(nil, func(event.Group) {
				once.Do(func() {
					close(asked)
					<-goOn
				})
			})
			answer := make(chan record, 1)
			go func() { answer <- c.call(method, args...) }()
			<-asked
			c.refreshes(permissions()) // while the old claims are being checked
			close(goOn)
			require.Empty(t, (<-answer).Error, "the claims that it began with open the group")
			require.Eventually(t, func() bool { return s.b.Members(g) == 0 }, patience, time.Millisecond, "the new ones do not")
			s.publish(g, event.Event{Type: event.OrderPlaced})
			c.must("RefreshToken", s.token(permissions()))
			require.Empty(t, c.seen, "nothing comes of a group that was left")
			c.refused("Forbidden", method, args...)
		})
	}
	t.Run("undecided", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		id := uuid.New()
		c := s.negotiate(event.CustomerOrdersPath, permissions(event.OrderGroup(id)))
		var once sync.Once
		asked, goOn := make(chan struct{}), make(chan struct{})
		s.guard.set(nil, func(event.Group) {
			once.Do(func() {
				close(asked)
				<-goOn
			})
		})
		c.send(`{"type":1,"target":"SubscribeToOrder","arguments":["` + id.String() + `"]}`)
		<-asked
		c.refreshes(permissions())
		s.guard.set(errors.New("the database is away"), nil)
		close(goOn)
		require.JSONEq(t, `{"type":7,"error":"permissions could not be checked","allowReconnect":true}`, c.receive())
	})
}

// Refreshes by request, refreshes by the method and subscriptions interleave in any order: in the end the groups are
// those that the last claims open.
//
// Acceptance.
func TestRefreshesAndSubscriptionsInterleaved(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	groups := make([]event.Group, len(ids))
	for i, id := range ids {
		groups[i] = event.OrderGroup(id)
	}
	c := s.negotiate(event.CustomerOrdersPath, permissions(groups...))
	for range 100 {
		var all sync.WaitGroup
		for i := range groups { // each token opens two of the three groups
			all.Go(func() {
				status, _ := c.refresh(s.token(permissions(groups[i], groups[(i+1)%len(groups)])))
				require.Equal(t, http.StatusOK, status)
			})
		}
		for i, id := range ids {
			c.call("SubscribeToOrder", id)
			c.must("RefreshToken", s.token(permissions(groups[i])))
			c.call("ResumeOrder", id, nil)
		}
		all.Wait()
		c.must("UnsubscribeFromOrder", uuid.New()) // all refreshes have ended
		for i, g := range groups {
			member := s.b.Members(g) == 1
			open := c.call("SubscribeToOrder", ids[i]).Error == ""
			require.False(t, member && !open, "in a group that the claims do not open")
		}
		c.refreshes(permissions(groups...))
	}
}
