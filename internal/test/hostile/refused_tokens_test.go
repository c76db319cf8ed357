package hostile_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// A request with an invalid token is answered differently from one without a token (RFC 6750 §3), on every request
// of every transport and by REST.
//
// Acceptance: A-449.
func TestARefusedTokenIsToldFromNone(t *testing.T) {
	t.Parallel()
	client := node(t, pgtest.New(t), nil)
	requests := map[string][]string{
		http.MethodPost: {"/api/admin/realtime/alert"},
		http.MethodGet:  {"/api/admin/realtime/status", "/api/realtime/events"},
	}
	for _, hub := range []string{
		event.CustomerOrdersPath, event.RestaurantOrdersPath, event.TeamCartPath, event.AdminPath,
	} {
		requests[http.MethodPost] = append(requests[http.MethodPost], hub+"/negotiate?negotiateVersion=1", hub+"?id=x",
			hub+"/refresh", hub+"/refresh?id=x")
		requests[http.MethodGet] = append(requests[http.MethodGet], hub, hub+"?id=x")
		requests[http.MethodDelete] = append(requests[http.MethodDelete], hub+"?id=x")
	}
	for method, paths := range requests {
		for _, path := range paths {
			for sent, challenge := range map[string]string{
				"": "Bearer", "nonsense": `Bearer error="invalid_token"`, "x.y.z": `Bearer error="invalid_token"`,
			} {
				status, _, header := ask(t, method, client.URL+path, sent)
				require.Equal(t, http.StatusUnauthorized, status, "%s %s", method, path)
				require.Equal(t, challenge, header.Get("WWW-Authenticate"), "%s %s %q", method, path, sent)
			}
		}
	}
}
