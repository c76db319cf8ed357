package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/broadcast"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubs"
	"github.com/yummyzoom/herald/internal/nodes"
	"github.com/yummyzoom/herald/internal/outbox"
	"github.com/yummyzoom/herald/internal/policy"
)

func hubPaths() []string {
	var paths []string
	for _, row := range event.Hubs() {
		paths = append(paths, row.Path)
	}
	return paths
}

// resourceOf is the resource of the groups of the hub at a path.
func resourceOf(path string) resource {
	if kind := event.HubAt(path).Groups[0]; kind.Resource != "" {
		return resource(kind.Name)
	}
	return theAdmins
}

// registered returns the methods of all hubs as they are registered.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	all, err := hubs.New(hubs.Config{
		Broadcaster: &broadcast.Broadcaster{}, Authorizer: &policy.Checker{}, Tokens: &auth.Verifier{},
		Stats: &outbox.Publisher{}, Connections: &nodes.Register{}, TeamCart: true,
	})
	require.NoError(t, err)
	return all.Methods()
}

// methodActions are the invocations of every method of every hub. Unsubscribing methods are returned separately, to
// run last.
func methodActions(t *testing.T) (methods, unsubscribing []action) {
	t.Helper()
	names := registered(t)
	require.Len(t, names, len(hubPaths()))
	for _, hub := range hubPaths() {
		for _, method := range names[hub] {
			a := action{name: hub + " " + method, hub: hub, refused: "Forbidden"}
			var args func(*visit) []any
			result := func(raw json.RawMessage) string { return string(raw) }
			id := func(v *visit) []any {
				if id, has := v.at.ids[resourceOf(hub)]; has {
					return []any{id}
				}
				return []any{}
			}
			fields := func(raw json.RawMessage) string { return strings.Join(memberNames(t, raw), " ") }
			switch {
			case strings.HasPrefix(method, "SubscribeTo"):
				a.of, args, a.admitted = resourceOf(hub), id, "null"
			case strings.HasPrefix(method, "UnsubscribeFrom"):
				args, a.admitted = id, "null" // it needs no permission
			case strings.HasPrefix(method, "Resume"):
				a.of, a.admitted, result = resourceOf(hub), "lastEventId replayed sequence status", fields
				args = func(v *visit) []any { return append(id(v), nil) }
			case method == "RefreshToken":
				a.admitted, result = "expiresAt", fields
				args = func(v *visit) []any { return []any{v.token} }
			case method == "GetPlatformStats":
				a.admitted, result, args = "activeUsers failedGenerations imagesGenerated newUsersToday revenueToday setAt totalRevenue totalUsers websitesGenerated", fields, id
			case method == "GetConnectionCount":
				a.admitted, result, args = "connectionCount connectionId hubs timestamp", fields, id
			case method == "SendTestMessage":
				a.admitted, result = "echo message timestamp", fields
				args = func(*visit) []any { return []any{"hello"} }
			default:
				require.Fail(t, "who may invoke "+a.name+" is not entered here")
			}
			a.do = func(t *testing.T, v *visit) string {
				t.Helper()
				return v.invoke(t, hub, method, args(v), result)
			}
			if strings.HasPrefix(method, "UnsubscribeFrom") {
				unsubscribing = append(unsubscribing, a)
			} else {
				methods = append(methods, a)
			}
		}
	}
	return methods, unsubscribing
}

// memberNames returns the names of an object's members, sorted.
func memberNames(t *testing.T, raw json.RawMessage) (names []string) {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &object), string(raw))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// routeActions are the requests of every endpoint: the API's, and those that the node itself mounts.
func routeActions(t *testing.T, at place) (actions []action) {
	t.Helper()
	const admin, dead = "/api/admin/realtime/", "/api/admin/outbox/dead"
	bodies := map[string]string{"connections/disconnect": `{"user":"nobody of that name"}`}
	for _, eventType := range event.Types() {
		for _, e := range eventType.Endpoints() {
			if bodies[e.Path] = ""; len(e.Examples) > 0 {
				bodies[e.Path] = e.Examples[0].Value
			}
		}
	}
	add := func(a action, e adminapi.Endpoint, query, body string) {
		path := strings.NewReplacer("{eventId}", at.event.String(), "{node}", "nowhere").Replace(e.Path) + query
		a.name = e.Method + " " + e.Path + query
		a.refused = "403"
		a.do = func(t *testing.T, v *visit) string {
			t.Helper()
			status, _ := v.request(t, e.Method, path, body)
			return status
		}
		actions = append(actions, a)
	}
	for _, e := range append(adminapi.Endpoints(), ownRoutes(t)...) {
		body, known := bodies[strings.TrimPrefix(e.Path, admin)]
		switch {
		case e.Path == admin+"health", e.Path == "/openapi.json",
			slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, e.Path):
			add(action{open: true, admitted: "200"}, e, "", "")
		case e.Path == admin+"status", e.Path == admin+"platform-snapshot", e.Path == dead,
			e.Path == "/api/admin/outbox/events/{eventId}",
			e.Path == admin+"connections", e.Path == admin+"nodes":
			add(action{of: theAdmins, admitted: "200"}, e, "", "")
		case e.Path == dead+"/{eventId}/mend":
			add(action{of: theAdmins, admitted: "409"}, e, "", `{"merge":{"status":"Done"}}`) // the event has been relayed
		case strings.HasPrefix(e.Path, dead+"/"):
			add(action{of: theAdmins, admitted: "404"}, e, "", "") // the event is no dead letter
		case strings.HasPrefix(e.Path, admin+"nodes/"):
			add(action{of: theAdmins, admitted: "404"}, e, "", "") // no node has that name
		case e.Method == http.MethodPost && known:
			add(action{of: theAdmins, admitted: "200"}, e, "", body)
		case e.Path == "/api/realtime/events":
			for _, row := range event.Hubs() {
				for _, kind := range row.Groups {
					asked := kind.Name
					if kind.Resource != "" {
						asked = at.ids[resource(kind.Name)].String()
					}
					add(action{of: resourceOf(row.Path), admitted: "200"}, e,
						fmt.Sprintf("?hub=%s&resource=%s", row.Name(), asked), "")
				}
			}
		default:
			require.Fail(t, "who may request "+e.Path+" is not entered here")
		}
	}
	return actions
}

// ownRoutes reads the routes that the node mounts beside the hubs and the API.
func ownRoutes(t *testing.T) (routes []adminapi.Endpoint) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\.Handle(?:Func)?\("(?:(\w+) )?(/[^"]*)"`).FindAllStringSubmatch(
			string(source), -1) {
			if m[2] != "/api/" {
				routes = append(routes, adminapi.Endpoint{Method: m[1], Path: m[2]})
			}
		}
	}
	require.GreaterOrEqual(t, len(routes), 3)
	return routes
}
