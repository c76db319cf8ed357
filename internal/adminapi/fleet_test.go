package adminapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/signalr"
)

// nodeID is the document's example.
func nodeID() uuid.UUID { return uuid.MustParse("8f14e45f-ceea-467f-a0e6-1c7b7f2d9a11") }

// fleet is a node with its connections, and other nodes with the answers that a test sets.
type fleet struct {
	connections []adminapi.Connection
	others      []adminapi.Node
	answer      func(r *http.Request, node uuid.UUID) (int, string, error)
	drained     bool
	last        bool // no other node takes connections
	err         error

	disconnected []adminapi.ConnectionFilter
	reconnect    bool
}

func newFleet() *fleet {
	return &fleet{
		answer: func(*http.Request, uuid.UUID) (int, string, error) { return 0, "", errors.New("no node is there") },
	}
}

func (f *fleet) Self() adminapi.Node {
	return adminapi.Node{ID: nodeID(), Host: "kitchen-1", Version: "v1", State: adminapi.NodeReady, StartedAt: now()}
}

func (f *fleet) Nodes(context.Context) ([]adminapi.Node, error) { return f.others, f.err }

func (f *fleet) Ask(r *http.Request, node uuid.UUID, _ int) (int, []byte, error) {
	status, body, err := f.answer(r, node)
	return status, []byte(body), err
}

func (f *fleet) Drain(_ context.Context, force bool) (before bool, err error) {
	if f.err != nil {
		return false, f.err
	}
	if f.last && !force {
		return false, adminapi.ErrLastNode
	}
	before, f.drained = f.drained, true
	return before, nil
}

func (f *fleet) List(_ adminapi.ConnectionFilter, after string, limit int) (list []adminapi.Connection) {
	for _, c := range f.connections {
		if c.ConnectionID > after && len(list) < limit {
			list = append(list, c)
		}
	}
	return list
}

func (f *fleet) Disconnect(filter adminapi.ConnectionFilter, reconnect bool) int {
	f.disconnected, f.reconnect = append(f.disconnected, filter), reconnect
	return 1
}

func connection(id string) adminapi.Connection {
	return adminapi.Connection{ConnectionID: id, User: "u", Node: nodeID(), ConnectedAt: now(), Groups: []string{}}
}

type connectionPage struct {
	Connections []adminapi.Connection
	Next        string
	Unreachable []adminapi.Unreachable
}

func (b *bundle) page(t *testing.T, query string) (p connectionPage) {
	t.Helper()
	w := b.get(t, prefix+"connections?"+query)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	return p
}

// Pages are ordered by connection id over all nodes: no connection is missing or listed twice, whichever node holds
// it.
func TestPagesOfConnectionsGoOverAllNodes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := &fleet{}
	want := map[string]bool{}
	for i := range 50 {
		c := connection(fmt.Sprintf("c%02d", i*7%50))
		want[c.ConnectionID] = true
		if i%3 == 0 {
			b.fleet.connections = append(b.fleet.connections, c)
		} else {
			other.connections = append(other.connections, c)
		}
	}
	for _, f := range []*fleet{b.fleet, other} {
		sortConnections(f.connections)
	}
	otherAPI := setup(t)
	otherAPI.cfg.Connections = other
	api, err := adminapi.New(otherAPI.cfg)
	require.NoError(t, err)
	there := api.ForNodes()
	silent := adminapi.Node{ID: uuid.New(), Host: "kitchen-3"}
	b.fleet.others = []adminapi.Node{b.fleet.Self(), {ID: uuid.New(), Host: "kitchen-2"}, silent}
	b.fleet.answer = func(r *http.Request, node uuid.UUID) (int, string, error) {
		if node == silent.ID {
			return 0, "", errors.New("it did not answer in time")
		}
		w := httptest.NewRecorder()
		there.ServeHTTP(w, r.WithContext(signalr.WithForwarded(r.Context())))
		return w.Code, w.Body.String(), nil
	}
	for _, limit := range []int{1, 7, 50, 1000} {
		seen := map[string]bool{}
		for after := ""; ; {
			p := b.page(t, fmt.Sprintf("limit=%d&after=%s", limit, after))
			require.LessOrEqual(t, len(p.Connections), limit)
			require.Equal(
				t, []adminapi.Unreachable{{Node: silent.ID, Host: silent.Host, Error: "it did not answer in time"}},
				p.Unreachable,
			)
			for _, c := range p.Connections {
				require.False(t, seen[c.ConnectionID])
				require.Greater(t, c.ConnectionID, after)
				seen[c.ConnectionID] = true
			}
			if after = p.Next; after == "" {
				break
			}
		}
		require.Equal(t, want, seen)
		b = b.renewed()
	}
}

// renewed is the same bundle with full allowances.
func (b *bundle) renewed() *bundle {
	renewed := *b
	renewed.handler = nil
	return &renewed
}

func sortConnections(list []adminapi.Connection) {
	for i := range list {
		for j := range i {
			if list[i].ConnectionID < list[j].ConnectionID {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
}

// Whatever another node answers, a page names the nodes whose connections are missing.
func TestOddAnswersOfOtherNodesAreNamed(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"200 [":                                    "cannot be read",
		"200 {\"connections\":1}":                  "cannot be read",
		"404 404 page not found":                   "it answers 404: is it of an older release?",
		"429 {\"title\":\"Too Many Requests\"}":    "it answers 429: Too Many Requests",
		"403 {\"title\":\"x\",\"detail\":\"no.\"}": "it answers 403: no.",
	} {
		b := setup(t)
		b.fleet.others = []adminapi.Node{{ID: uuid.New(), Host: "kitchen-2"}}
		b.fleet.answer = func(r *http.Request, _ uuid.UUID) (int, string, error) {
			require.Equal(t, "Bearer "+adminToken(t), r.Header.Get("Authorization"))
			require.Len(t, r.Header, 1)
			var status int
			_, err := fmt.Sscan(answer, &status)
			return status, answer[4:], err
		}
		p := b.page(t, "access_token=x")
		require.Len(t, p.Unreachable, 1)
		require.Contains(t, p.Unreachable[0].Error, want)
	}
}

// Acceptance: A-531.
func TestDisconnectingIsHandedToOtherNodesAndAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fleet.others = []adminapi.Node{{ID: uuid.New(), Host: "kitchen-2"}}
	asked := ""
	b.fleet.answer = func(r *http.Request, _ uuid.UUID) (int, string, error) {
		body, err := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(body)
		return http.StatusOK, `{"message":"Connections closed","disconnected":2,"unreachable":[]}`, err
	}
	w := b.post(t, "connections/disconnect", `{"user":"bob","group":"ALERTS","reconnect":true}`)
	requireOK(t, w, `{"message":"Connections closed","disconnected":3,"unreachable":[]}`)
	require.Equal(
		t, `POST /api/admin/realtime/connections/disconnect {"group":"alerts","reconnect":true,"user":"bob"}`, asked,
	)
	require.Equal(t, []adminapi.ConnectionFilter{{User: "bob", Group: event.Alerts}}, b.fleet.disconnected)
	require.True(t, b.fleet.reconnect)
	for _, part := range []string{"log=audit", "action=disconnect", "subject=admin-1", "target=bob", "group=alerts"} {
		require.Contains(t, b.log.String(), part)
	}
	b.post(t, "connections/disconnect", `{"connectionId":"c1"}`)
	require.False(t, b.fleet.reconnect, "unless it is asked for")
	require.Contains(t, b.log.String(), "connection_id=c1")
}

// Acceptance: A-536.
func TestDrainingIsAuditedAndSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "nodes/" + nodeID().String() + "/drain"
	b.fleet.last = true
	p := requireProblem(t, b.post(t, path, ""), http.StatusConflict)
	require.Contains(t, p.Detail, "No other node is alive and takes connections")
	require.False(t, b.fleet.drained)
	requireOK(
		t, b.post(t, path, `{"force":true}`),
		`{"message":"Node is draining","node":"`+nodeID().String()+`","host":"kitchen-1"}`,
	)
	for _, part := range []string{"log=audit", "action=drain_node", "subject=admin-1", "target=" + nodeID().String()} {
		require.Contains(t, b.log.String(), part)
	}
	requireOK(t, b.post(t, "nodes/KITCHEN-1/drain", `{"force":true}`),
		`{"message":"Node is draining already","node":"`+nodeID().String()+`","host":"kitchen-1"}`)

	other := adminapi.Node{ID: uuid.New(), Host: "kitchen-2"}
	b.fleet.others = []adminapi.Node{other, {ID: uuid.New(), Host: "kitchen-2"}}
	p = requireProblem(t, b.post(t, "nodes/kitchen-2/drain", ""), http.StatusConflict)
	require.Contains(t, p.Detail, "name one by its id")
	conflict := `{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.10","title":"Conflict","status":409,"detail":"It is the last one."}`
	for answer, want := range map[string]int{
		conflict: http.StatusConflict, `{"title":"Not Found"}`: http.StatusServiceUnavailable,
	} {
		b.fleet.answer = func(r *http.Request, node uuid.UUID) (int, string, error) {
			require.Equal(t, other.ID, node)
			require.Equal(t, prefix+"nodes/"+other.ID.String()+"/drain", r.URL.Path)
			if want == http.StatusConflict {
				return http.StatusConflict, answer, nil
			}
			return http.StatusNotFound, answer, nil
		}
		requireProblem(t, b.post(t, "nodes/"+other.ID.String()+"/drain", ""), want)
	}
	b.fleet.err = errors.New("the database is away")
	requireProblem(t, b.post(t, "nodes/"+nodeID().String()+"/drain", ""), http.StatusServiceUnavailable)
	requireProblem(t, b.get(t, prefix+"nodes"), http.StatusServiceUnavailable)
	requireProblem(t, b.get(t, prefix+"connections"), http.StatusServiceUnavailable)
}

// A node that another node asks answers for itself alone, whichever node the request names: no request goes in
// circles.
func TestAnotherNodeIsAnsweredForThisNodeAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fleet.err = errors.New("the database is away")
	b.fleet.connections = []adminapi.Connection{connection("c1")}
	api, err := adminapi.New(b.cfg)
	require.NoError(t, err)
	forNodes := api.ForNodes()
	serve := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		forNodes.ServeHTTP(w, r.WithContext(signalr.WithForwarded(r.Context())))
		return w
	}
	w := serve(request(t, http.MethodGet, prefix+"connections?node=another", ""))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), `"c1"`)
	require.Equal(
		t, http.StatusNotFound, serve(request(t, http.MethodPost, prefix+"nodes/"+uuid.NewString()+"/drain", "")).Code,
	)
	for _, path := range []string{
		prefix + "nodes", prefix + "health", prefix + "alert", "/openapi.json", "/api/realtime/events",
	} {
		require.Equal(t, http.StatusNotFound, serve(request(t, http.MethodGet, path, "")).Code, path)
	}
	r := request(t, http.MethodGet, prefix+"connections", "")
	r.Header.Del("Authorization")
	require.Equal(t, http.StatusUnauthorized, serve(r).Code, "a node asks for somebody")
}
