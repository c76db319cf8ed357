package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// action is an action that every person tries.
type action struct {
	name string
	hub  string   // the hub, with its path, that must admit the person first; "": none
	open bool     // to all, without a token
	of   resource // the resource that must be open to the person; "": none
	do   func(t *testing.T, v *visit) string
	// The outcome for people who may, and for people who are known and may not.
	admitted, refused string
}

// want is the outcome that the contract demands for a person and an action: every cell is checked against it.
func (a action) want(p person) string {
	switch {
	case a.open:
		return a.admitted
	case !p.known:
		return "401"
	case a.hub == event.AdminPath && !p.admin:
		return "403"
	case a.of != "" && !p.may(a.of):
		return a.refused
	default:
		return a.admitted
	}
}

// visit is a person at the node: its requests, and its connections to the hubs that admit it.
type visit struct {
	person

	at       place
	node     hubclient.Config
	sessions map[string]string // a connection of an administrator's at each hub
	conns    map[string]*hubclient.Connection

	mu       sync.Mutex
	received map[string]bool // hub path and method of the messages that the node has sent
}

// Who may do what: every person at every hub, every method of every hub and every endpoint. The lists are the
// registrations themselves, so a new one has to be entered here, or the test fails.
//
// Acceptance,
//
func TestEverybodyMayDoWhatTheContractSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	node := node(t, db)
	at, all := people(t, db)
	sessions := map[string]string{}
	visits := make([]*visit, len(all))
	for i, p := range all {
		visits[i] = &visit{
			person: p, at: at, node: node, sessions: sessions, conns: map[string]*hubclient.Connection{},
			received: map[string]bool{},
		}
		t.Cleanup(visits[i].leave)
		if p.admin {
			visits[i].negotiate(t)
		}
	}
	cells := 0
	try := func(actions []action) {
		t.Helper()
		var wrong []string
		for _, a := range actions {
			for _, v := range visits {
				cells++
				if got, want := a.do(t, v), a.want(v.person); got != want {
					wrong = append(wrong, fmt.Sprintf("%s, %s: %q instead of %q", v.name, a.name, got, want))
				}
			}
		}
		require.Empty(t, strings.Join(wrong, "\n"))
	}
	methods, unsubscribing := methodActions(t)
	try(hubActions())
	try(methods)
	publishToAll(t, db, at)
	try(eventActions(t, visits))
	try(unsubscribing)
	try(routeActions(t, at))
	t.Logf("%d cells: %d people, %d actions", cells, len(visits), cells/len(visits))
	require.Greater(t, cells, 1000)
}

// request sends a request with the person's token, and returns its status.
func (v *visit) request(t *testing.T, method, path, body string) (string, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.node.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if response.StatusCode == http.StatusUnauthorized {
		require.Equal(t, "Bearer", strings.Fields(response.Header.Get("WWW-Authenticate"))[0], path)
	}
	return strconv.Itoa(response.StatusCode), answer
}

// negotiate leaves a connection at each hub that waits for its transport.
func (v *visit) negotiate(t *testing.T) {
	t.Helper()
	for _, hub := range hubPaths() {
		status, raw := v.request(t, http.MethodPost, hub+"/negotiate?negotiateVersion=1", "")
		require.Equal(t, "200", status)
		var answer struct{ ConnectionToken string }
		require.NoError(t, json.Unmarshal(raw, &answer))
		v.sessions[hub] = url.QueryEscape(answer.ConnectionToken)
	}
}

// connect connects to a hub and returns "connected", or the status with which negotiate refuses.
func (v *visit) connect(t *testing.T, hub string) string {
	t.Helper()
	cfg := v.node
	cfg.Token = nil
	if v.token != "" {
		cfg.Token = func(context.Context) (string, error) { return v.token, nil }
	}
	c, err := hubclient.Connect(t.Context(), cfg, hub, func(i hubclient.Invocation) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.received[hub+" "+i.Method] = true
	})
	if refused, ok := errors.AsType[*hubclient.StatusError](err); ok {
		return strconv.Itoa(refused.Code)
	}
	require.NoError(t, err)
	v.conns[hub] = c
	return "connected"
}

func (v *visit) leave() {
	for _, c := range v.conns {
		c.Close()
	}
}

// invoke invokes a method, and returns what identifies its answer: a result, or the text of a refusal. A person
// whom the hub did not admit sends the invocation to a connection of the administrator's, and is refused with a
// status.
func (v *visit) invoke(t *testing.T, hub, method string, args []any, result func(json.RawMessage) string) string {
	t.Helper()
	if v.conns[hub] == nil {
		frame, err := json.Marshal(map[string]any{"type": 1, "invocationId": "1", "target": method, "arguments": args})
		require.NoError(t, err)
		status, _ := v.request(t, http.MethodPost, hub+"?id="+v.sessions[hub], string(frame)+"\x1e")
		return status
	}
	raw, err := v.conns[hub].Invoke(t.Context(), method, args...)
	if refused, ok := errors.AsType[*hubclient.HubError](err); ok {
		_, text, _ := strings.Cut(refused.Message,
			"An unexpected error occurred invoking '"+method+"' on the server. HubException: ")
		return text
	}
	require.NoError(t, err)
	return result(raw)
}

// hubActions are the actions of connecting, by each kind of request that the transports make.
func hubActions() (actions []action) {
	for _, hub := range hubPaths() {
		a := action{hub: hub, name: hub + " negotiate", admitted: "200"}
		a.do = func(t *testing.T, v *visit) string {
			t.Helper()
			status, _ := v.request(t, http.MethodPost, hub+"/negotiate?negotiateVersion=1", "")
			return status
		}
		actions = append(actions, a)
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			a.name, a.admitted = hub+" "+method, "404" // there is no such connection
			a.do = func(t *testing.T, v *visit) string {
				t.Helper()
				status, _ := v.request(t, method, hub+"?id=unknown", "")
				return status
			}
			actions = append(actions, a)
		}
		a.name, a.admitted = hub+" connect", "connected"
		a.do = func(t *testing.T, v *visit) string {
			t.Helper()
			return v.connect(t, hub)
		}
		actions = append(actions, a)
	}
	return actions
}

// eventActions are the actions of receiving: an event of each group has been published, and every person who could
// subscribe has it.
func eventActions(t *testing.T, visits []*visit) (actions []action) {
	t.Helper()
	has := func(v *visit, what string) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.received[what]
	}
	for what, of := range map[string]resource{
		event.CustomerOrdersPath + " ReceiveOrderStatusChanged":   anOrder,
		event.RestaurantOrdersPath + " ReceiveOrderStatusChanged": aRestaurant,
		event.TeamCartPath + " ReceiveCartUpdated":                aCart, event.AdminPath + " UserActivityUpdate": theAdmins,
		event.AdminPath + " AnalyticsUpdate": theAdmins, event.AdminPath + " SystemAlert": theAdmins,
		event.AdminPath + " AdminNotification": theAdmins,
	} {
		for _, v := range visits { // first the expected messages, so that a missing one is not merely late
			if v.may(of) {
				require.Eventually(t, func() bool { return has(v, what) }, patience, time.Millisecond, "%s, %s", v.name, what)
			}
		}
		hub, _, _ := strings.Cut(what, " ")
		actions = append(actions, action{
			name: "receive " + what, hub: hub, of: of, admitted: "received", refused: "nothing",
			do: func(t *testing.T, v *visit) string {
				t.Helper()
				if v.conns[hub] == nil {
					return v.connect(t, hub)
				}
				// earlier messages have arrived before this answer
				_, err := v.conns[hub].Invoke(t.Context(), "RefreshToken", v.token)
				require.NoError(t, err)
				if has(v, what) {
					return "received"
				}
				return "nothing"
			},
		})
	}
	slices.SortFunc(actions, func(a, b action) int { return strings.Compare(a.name, b.name) })
	return actions
}

func publishToAll(t *testing.T, db *pgtest.Database, at place) {
	t.Helper()
	conn := db.Conn(t)
	for sql, args := range map[string][]any{
		`SELECT herald.publish_order_event('OrderStatusChanged', $1, 'YZ-1', 'Ready', $2, 'customer')`:                                                   {at.order, at.restaurant},
		`SELECT herald.publish_teamcart_event('CartUpdated', $1)`:                                                                                        {at.cart},
		`SELECT herald.publish_admin_event('UserActivityUpdate', '{"userId":"u","action":"a"}')`:                                                         nil,
		`SELECT herald.publish_admin_event('AnalyticsUpdate', '{"totalUsers":1,"activeUsers":1,"websitesGenerated":1,"imagesGenerated":1,"revenue":1}')`: nil,
		`SELECT herald.publish_admin_event('SystemAlert', '{"type":"info","message":"m"}')`:                                                              nil,
		`SELECT herald.publish_admin_event('AdminNotification', '{"type":"role-assignment","userId":"u","roleName":"r","action":"assigned"}')`:           nil,
	} {
		_, err := conn.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
}
