package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const realtime = "/api/admin/realtime/"

// listed is the answer to GET connections.
type listed struct {
	Connections []struct {
		ConnectionID, Hub, User, Node, Host, Address, Transport string

		ConnectedAt time.Time
		Groups      []string
		MoreGroups  int
	}
	Next        string
	Unreachable []struct{ Node, Host, Error string }
}

// users returns the users of the connections.
func (l *listed) users() (users []string) {
	for _, c := range l.Connections {
		users = append(users, c.User)
	}
	return users
}

// rest sends a request to the API of one of the nodes, with a token or the administrator's.
func (s *several) rest(at int, method, path, body string, token ...string) (status int, text string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.urls[at]+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+append(token, s.bearer)[0])
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, string(b)
}

// ask is rest for a request that must succeed.
func (s *several) ask(at int, method, path, body string, into any) {
	s.t.Helper()
	status, text := s.rest(at, method, path, body)
	require.Equal(s.t, http.StatusOK, status, text)
	require.NoError(s.t, json.Unmarshal([]byte(text), into), text)
}

func (s *several) connections(at int, query string) listed {
	s.t.Helper()
	var l listed
	s.ask(at, http.MethodGet, realtime+"connections?"+query, "", &l)
	return l
}

// users are those of the connections.
func (s *several) users(at int, query string) []string {
	s.t.Helper()
	l := s.connections(at, query)
	return l.users()
}

// ids are the nodes' ids, in the order of urls.
func (s *several) ids() []string {
	s.t.Helper()
	var answer struct {
		Nodes []struct{ Node, Address string }
	}
	s.ask(0, http.MethodGet, realtime+"nodes", "", &answer)
	ids := make([]string, len(s.urls))
	for _, n := range answer.Nodes {
		for at, url := range s.urls {
			if url == n.Address {
				ids[at] = n.Node
			}
		}
	}
	require.NotContains(s.t, ids, "")
	return ids
}

// visitor connects to a node's customer hub, as a user who may follow any of the orders.
func (s *several) visitor(at int, subject string, orders ...uuid.UUID) *hubclient.Connection {
	s.t.Helper()
	grant := auth.Grant{Subject: subject, TTL: time.Hour}
	for _, order := range orders {
		grant.Permissions = append(grant.Permissions, "OrderOwner:"+order.String())
	}
	token, err := auth.Mint(secret, grant)
	require.NoError(s.t, err)
	c, err := hubclient.Connect(s.t.Context(), hubclient.Config{
		URL: s.urls[at], Token: func(context.Context) (string, error) { return token, nil },
	}, event.CustomerOrdersPath, nil)
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	for _, order := range orders {
		_, err := c.Invoke(s.t.Context(), "SubscribeToOrder", order)
		require.NoError(s.t, err)
	}
	return c
}

// closedWith waits for the end of a connection, and returns the server's closing error.
func closedWith(t *testing.T, c *hubclient.Connection) *hubclient.ServerClosedError {
	t.Helper()
	within(t, c.Done(), "the connection's end")
	var closed *hubclient.ServerClosedError
	require.ErrorAs(t, c.Err(), &closed)
	return closed
}

// Acceptance.
func TestWhoIsConnectedToWhicheverNode(t *testing.T) {
	t.Parallel()
	s := startSeveral(t, pgtest.New(t), 3)
	s.known()
	x, y, began := uuid.New(), uuid.New(), time.Now()
	alice0, alice1, bob := s.visitor(0, "alice", x), s.visitor(1, "alice", y, x), s.visitor(2, "bob", y)
	ids := s.ids()

	for at := range s.urls {
		l := s.connections(at, "")
		require.ElementsMatch(t, []string{"alice", "alice", "bob"}, l.users())
		require.Empty(t, l.Unreachable)
		require.Empty(t, l.Next)
		for _, c := range l.Connections {
			require.Equal(t, event.CustomerOrdersPath, c.Hub)
			require.Equal(t, "127.0.0.1", c.Address)
			require.Equal(t, "WebSockets", c.Transport)
			require.NotEmpty(t, c.Host)
			require.WithinRange(t, c.ConnectedAt, began.Add(-time.Second), time.Now())
			if c.ConnectionID == alice1.ID() {
				require.Equal(t, ids[1], c.Node)
				require.ElementsMatch(t, []string{event.OrderGroup(x).String(), event.OrderGroup(y).String()}, c.Groups)
			}
		}
	}

	require.Equal(t, []string{"alice", "alice"}, s.users(0, "user=alice"))
	require.ElementsMatch(t, []string{"alice", "bob"}, s.users(1, "group=order:"+strings.ToUpper(y.String())))
	require.Equal(t, []string{"bob"}, s.users(0, "node="+ids[2]))
	require.Empty(t, s.connections(0, "user=alice&node="+ids[2]).Connections)
	require.Len(t, s.connections(0, "node="+url.QueryEscape(s.connections(0, "").Connections[0].Host)).Connections,
		3, "all are on this host")

	var paged []string
	for at, after := 0, ""; ; at++ {
		l := s.connections(at%3, "limit=1&after="+after)
		require.Len(t, l.Connections, 1)
		paged = append(paged, l.Connections[0].ConnectionID)
		if after = l.Next; after == "" {
			break
		}
	}
	require.ElementsMatch(t, []string{alice0.ID(), alice1.ID(), bob.ID()}, paged)

	var done struct {
		Disconnected int
		Unreachable  []any
	}
	s.ask(2, http.MethodPost, realtime+"connections/disconnect", `{"user":"alice"}`, &done)
	require.Equal(t, 2, done.Disconnected)
	require.Empty(t, done.Unreachable)
	for _, c := range []*hubclient.Connection{alice0, alice1} {
		require.Equal(t, hubclient.ServerClosedError{Text: "An administrator has closed the connection."},
			*closedWith(t, c), "it stays away")
	}
	s.ask(1, http.MethodPost, realtime+"connections/disconnect",
		`{"connectionId":"`+bob.ID()+`","reconnect":true}`, &done)
	require.Equal(t, 1, done.Disconnected)
	require.True(t, closedWith(t, bob).AllowReconnect, "it comes back")
	carol := s.visitor(1, "carol", x)
	s.ask(0, http.MethodPost, realtime+"connections/disconnect", `{"group":"order:`+y.String()+`"}`, &done)
	require.Zero(t, done.Disconnected)
	s.ask(0, http.MethodPost, realtime+"connections/disconnect", `{"group":"order:`+x.String()+`"}`, &done)
	require.Equal(t, 1, done.Disconnected)
	require.False(t, closedWith(t, carol).AllowReconnect)
	require.Eventually(t, func() bool { return len(s.connections(0, "").Connections) == 0 },
		patience, 20*time.Millisecond)
}

// Acceptance: A-532.
func TestWhatNobodyMayAskAboutConnections(t *testing.T) {
	t.Parallel()
	s := startSeveral(t, pgtest.New(t), 1)
	bob := s.visitor(0, "bob")
	user, err := auth.Mint(secret, auth.Grant{Subject: "bob", Roles: []string{"User"}, TTL: time.Hour})
	require.NoError(t, err)
	drain := realtime + "nodes/" + s.ids()[0] + "/drain"
	for path, method := range map[string]string{
		"connections": http.MethodGet, "connections/disconnect": http.MethodPost, "nodes": http.MethodGet,
		strings.TrimPrefix(drain, realtime): http.MethodPost,
	} {
		status, _ := s.rest(0, method, realtime+path, "", user)
		require.Equal(t, http.StatusForbidden, status, path)
		status, _ = s.rest(0, method, realtime+path, "", "nonsense")
		require.Equal(t, http.StatusUnauthorized, status, path)
	}
	for _, query := range []string{
		"group=nonsense", "group=order:1", "group=kitchen:" + uuid.NewString(), "limit=0", "limit=1001", "limit=x",
		"usr=bob", "user=a&user=b",
		"user=" + strings.Repeat("a", 2000), "%zz",
	} {
		status, text := s.rest(0, http.MethodGet, realtime+"connections?"+query, "")
		require.Equal(t, http.StatusBadRequest, status, query+" "+text)
	}
	for _, body := range []string{
		`{}`, `{"usr":"bob"}`, `{"user":"bob","groop":"alerts"}`, `{"user":""}`, `{"user":1}`, `{"group":"nonsense"}`,
		`{"user":"bob","reconnect":"no"}`, `[]`,
		`{"user":null}`, `{"connectionId":"` + strings.Repeat("a", 2000) + `"}`,
	} {
		status, text := s.rest(0, http.MethodPost, realtime+"connections/disconnect", body)
		require.Equal(t, http.StatusBadRequest, status, body+" "+text)
	}
	for _, body := range []string{`{"force":1}`, `{"forse":true}`} {
		status, text := s.rest(0, http.MethodPost, drain, body)
		require.Equal(t, http.StatusBadRequest, status, body+" "+text)
	}
	for path, method := range map[string]string{
		"connections?node=nowhere": http.MethodGet, "nodes/nowhere/drain": http.MethodPost,
	} {
		status, _ := s.rest(0, method, realtime+path, "")
		require.Equal(t, http.StatusNotFound, status, path)
	}
	require.NoError(t, bob.Err())
	status, _ := page(t, s.urls[0]+"/readyz")
	require.Equal(t, http.StatusOK, status)
}

// Acceptance: A-533.
func TestANodeThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startSeveral(t, db, 2)
	s.known()
	lost, stop := startNode(t, db, func(c *app.Settings) { c.NodeURL = "http://127.0.0.1:1" })
	t.Cleanup(func() { stopped(t, stop) })
	s.visitor(0, "alice")
	bob := s.visitor(1, "bob")
	var lostID string
	require.Eventually(t, func() bool {
		l := s.connections(0, "")
		require.Len(t, l.Connections, 2, "the others'")
		if len(l.Unreachable) != 1 {
			return false
		}
		lostID = l.Unreachable[0].Node
		return strings.Contains(l.Unreachable[0].Error, "connection refused")
	}, patience, 50*time.Millisecond)
	var done listed
	s.ask(1, http.MethodPost, realtime+"connections/disconnect", `{"user":"bob"}`, &done)
	require.Len(t, done.Unreachable, 1)
	require.Equal(t, lostID, done.Unreachable[0].Node)
	closedWith(t, bob)
	status, text := s.rest(0, http.MethodPost, realtime+"nodes/"+lostID+"/drain", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, lostID)
	status, _ = page(t, lost.URL+"/readyz")
	require.Equal(t, http.StatusOK, status, "it was not drained")
}
