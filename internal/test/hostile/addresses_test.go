package hostile_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/app"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/hubclient"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// unfollowed is a client that does not follow redirects.
func unfollowed() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// answer is a response that has been read.
type answer struct {
	StatusCode int
	Header     http.Header
	body       string
}

// send sends a request. Its header "body" is its body.
func send(t *testing.T, method, url string, headers map[string]string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(headers["body"]))
	require.NoError(t, err)
	for name, value := range headers {
		if name != "body" {
			request.Header.Set(name, value)
		}
	}
	response, err := unfollowed().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(raw)}
}

// Hubs are served in any case and with a slash behind their path, as by ASP.NET Core: by every transport, without a
// redirect, and reported under one name.
//
// Acceptance: A-450.
func TestAHubsPathInOtherSpellings(t *testing.T) {
	t.Parallel()
	client := node(t, pgtest.New(t),
		func(cfg *app.Config) { cfg.Server.AllowedOrigins = []string{"https://app.example"} })
	bearer := map[string]string{"Authorization": "Bearer " + token(t, "tester"), "Origin": "https://app.example"}
	for _, hub := range []string{
		event.CustomerOrdersPath, event.RestaurantOrdersPath, event.TeamCartPath, event.AdminPath,
	} {
		title := "/Hubs/" + strings.ToUpper(hub[6:7]) + hub[7:]
		for _, path := range []string{
			hub, hub + "/", title, strings.ToUpper(hub) + "/", strings.Replace(hub, "hubs", "%48ub%73", 1) + "/",
		} {
			for _, negotiate := range []string{"/negotiate/", "/Negotiate"} {
				response := send(t, http.MethodPost, client.URL+strings.TrimSuffix(path, "/")+negotiate+"?negotiateVersion=1",
					bearer)
				require.Equal(t, http.StatusOK, response.StatusCode, path+negotiate)
				require.Equal(t, "https://app.example", response.Header.Get("Access-Control-Allow-Origin"))
				var negotiated struct{ ConnectionToken string }
				require.NoError(t, json.Unmarshal([]byte(response.body), &negotiated))
				response = send(t, http.MethodOptions, client.URL+strings.TrimSuffix(path, "/")+negotiate, map[string]string{
					"Origin": "https://app.example", "Access-Control-Request-Method": "POST",
				})
				require.Equal(t, http.StatusNoContent, response.StatusCode, path+negotiate)
				response = send(t, http.MethodGet, client.URL+strings.TrimSuffix(path, "/")+negotiate, bearer)
				require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)

				poll := client.URL + path + "?id=" + negotiated.ConnectionToken
				response = send(t, http.MethodGet, poll, bearer)
				require.Equal(t, http.StatusOK, response.StatusCode, "the first poll of %s", path)
				for _, refresh := range []string{"/refresh", "/refresh/", "/REFRESH"} {
					headers := maps.Clone(bearer)
					headers["X-SignalR-Connection-Token"] = negotiated.ConnectionToken
					response = send(t, http.MethodPost, client.URL+strings.TrimSuffix(path, "/")+refresh, headers)
					require.Equal(t, http.StatusOK, response.StatusCode, path+refresh)
					require.Equal(t, "https://app.example", response.Header.Get("Access-Control-Allow-Origin"))
				}
				response = send(t, http.MethodDelete, poll, bearer)
				require.Equal(t, http.StatusAccepted, response.StatusCode)
			}
			connection, err := hubclient.Connect(t.Context(), client, path, nil)
			require.NoError(t, err, "a WebSocket at %s", path)
			_, err = connection.Invoke(t.Context(), "RefreshToken", token(t, "tester"))
			require.NoError(t, err)
			connection.Close()
			response := send(t, http.MethodPatch, client.URL+path+"?id=x", bearer)
			require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, path)
			response = send(t, http.MethodPost, client.URL+path, nil)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode, path)
			response = send(t, http.MethodPost, client.URL+path, map[string]string{"Origin": "https://evil.example"})
			require.Equal(t, http.StatusForbidden, response.StatusCode, path)
		}
		for _, path := range []string{
			hub + "x", hub + "/x", hub + "/negotiate/x", hub + "/negotiate/negotiate", "/x" + hub,
			strings.Replace(hub, "/hubs/", "/hubs%2f", 1),
			strings.Replace(hub, "s/", "\u017f/", 1), hub + "%00", hub + ";x=1", "/hubs", "/hubs/", "/HUBS",
		} {
			response := send(t, http.MethodPost, client.URL+path, bearer)
			require.Equal(t, http.StatusNotFound, response.StatusCode, path)
		}
	}
	_, metrics, _ := ask(t, http.MethodGet, client.URL+"/metrics", "")
	for _, label := range regexp.MustCompile(`hub="([^"]*)"`).FindAllStringSubmatch(metrics, -1) {
		require.Contains(t, []string{"customer-orders", "restaurant-orders", "teamcart", "admin"}, label[1])
	}
}

// The role that a hub requires is required with every spelling of its path.
//
// Acceptance: A-450.
func TestTheAdminHubIsGuardedInEverySpelling(t *testing.T) {
	t.Parallel()
	// no token of the suite has this role
	client := node(t, pgtest.New(t), func(cfg *app.Config) { cfg.Auth.AdminRole = "Operator" })
	bearer := map[string]string{"Authorization": "Bearer " + token(t, "tester")}
	for _, path := range []string{
		"/hubs/admin", "/Hubs/Admin", "/HUBS/ADMIN/", "/hubs/admin/", "/hubs/%61dmin", "/hubs/%41DMIN/",
	} {
		for _, suffix := range []string{"/negotiate", "/Negotiate/", "/refresh", "/Refresh/", ""} {
			response := send(t, http.MethodPost, client.URL+strings.TrimSuffix(path, "/")+suffix, bearer)
			require.Equal(t, http.StatusForbidden, response.StatusCode, path+suffix)
		}
		response := send(t, http.MethodPost, client.URL+path, bearer)
		require.Equal(t, http.StatusForbidden, response.StatusCode, path)
	}
}

// REST is served the same way. The ids in a path keep their spelling.
//
// Acceptance: A-451.
func TestARestPathInOtherSpellings(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	client := node(t, db, func(cfg *app.Config) { cfg.Server.AllowedOrigins = []string{"https://app.example"} })
	bearer := map[string]string{"Authorization": "Bearer " + token(t, "tester"), "Origin": "https://app.example"}
	published := func(path string) []string {
		return []string{
			path, path + "/", strings.ToUpper(path), strings.ToUpper(path) + "/",
			strings.Replace(path, "api", "API", 1), strings.Replace(path, "a", "%61", 1) + "/",
		}
	}
	for _, path := range published("/api/admin/realtime/health") {
		response := send(t, http.MethodGet, client.URL+path, nil)
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.Contains(t, response.body, `"healthy"`)
		response = send(t, http.MethodPost, client.URL+path, nil)
		require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode, path)
		require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
		response = send(t, http.MethodOptions, client.URL+path,
			map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "GET"})
		require.Equal(t, http.StatusNoContent, response.StatusCode, path)
		require.Equal(t, "https://app.example", response.Header.Get("Access-Control-Allow-Origin"))
	}
	for _, path := range published("/api/admin/realtime/alert") {
		response := send(t, http.MethodPost, client.URL+path, nil)
		require.Equal(t, http.StatusUnauthorized, response.StatusCode, path)
		headers := map[string]string{
			"Content-Type": "application/json", "Authorization": bearer["Authorization"],
			"body": `{"type":"info","message":"m"}`,
		}
		response = send(t, http.MethodPost, client.URL+path, headers)
		require.Equal(t, http.StatusOK, response.StatusCode, "%s %s", path, response.body)
	}
	for _, path := range published("/api/realtime/events") {
		response := send(t, http.MethodGet, client.URL+path+"?hub=admin&resource=alerts", bearer)
		require.NotContains(t, []int{http.StatusNotFound, http.StatusMovedPermanently}, response.StatusCode,
			"%s %s", path, response.body)
	}
	for _, path := range published("/openapi.json") {
		response := send(t, http.MethodGet, client.URL+path, nil)
		require.Equal(t, http.StatusOK, response.StatusCode, path)
	}
	id := uuid.New()
	for _, path := range []string{
		"/API/Admin/Outbox/Events/" + strings.ToUpper(id.String()), "/api/admin/outbox/events/" + id.String() + "/",
	} {
		response := send(t, http.MethodGet, client.URL+path, bearer)
		require.Equal(t, http.StatusNotFound, response.StatusCode)
		require.Contains(t, response.Header.Get("Content-Type"), "problem+json")
		require.NotContains(t, response.body, "nothing at this path", path)
		response = send(t, http.MethodDelete, client.URL+strings.Replace(strings.ToLower(path), "events", "Dead", 1), bearer)
		require.Equal(t, http.StatusNotFound, response.StatusCode)
	}
	response := send(t, http.MethodGet, client.URL+"/API/ADMIN/OUTBOX/EVENTS/Not-An-Id", bearer)
	require.Equal(t, http.StatusBadRequest, response.StatusCode, response.body)
	for _, path := range []string{
		"/api/admin/realtime/healthx", "/API/Admin/Realtime", "/api/admin/realtime/health/x",
		"/api%2fadmin/realtime/health", "/Api/x/",
	} {
		response := send(t, http.MethodGet, client.URL+path, bearer)
		require.Equal(t, http.StatusNotFound, response.StatusCode, path)
	}
}

// A WebSocket is accepted through a proxy that adds a Connection line of its own.
func TestAWebSocketWithTwoConnectionLines(t *testing.T) {
	t.Parallel()
	client := node(t, pgtest.New(t), nil)
	for _, lines := range [][]string{
		{"keep-alive", "Upgrade"}, {"Upgrade", "keep-alive"}, {"keep-alive, Upgrade"}, {"Upgrade"},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(client.URL, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		request := []string{
			"GET /Hubs/Customer-Orders/?access_token=" + token(t, "tester") + " HTTP/1.1", "Host: herald", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		}
		for _, line := range lines {
			request = append(request, "Connection: "+line)
		}
		_, err = io.WriteString(conn, strings.Join(request, "\r\n")+"\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode, "%v", lines)
		require.NoError(t, conn.Close())
	}
}
