package signalr_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/signalr"
)

// Any node takes a refresh, wherever the connection lives, and the answer is the same as from the connection's own
// node.
//
// Acceptance.
func TestARefreshOnWhicheverNode(t *testing.T) {
	t.Parallel()
	n := setupNodes(t, func(cfg *signalr.Config) { cfg.AllowedOrigins = []string{"https://app.example"} })
	for negotiated := range n.all {
		for taken := range n.all {
			token, id := n.token(t, negotiated)
			dialURL(t, ws.Dialer{}, n.of(taken).url+"?access_token=user&id="+token).shakeHands()
			conn := n.of(taken).opened(t)
			for asked := range n.all {
				f := n.of(asked)
				refresh := func(as, connection, body string) answer {
					h := &half{t: t, http: ownClient(t), url: f.url + "/refresh?access_token=" + as}
					return h.do(http.MethodPost, body, "X-SignalR-Connection-Token", connection, "Origin", "https://app.example")
				}
				where := []any{"negotiated by %d, taken by %d, asked %d", negotiated, taken, asked}
				for _, body := range []string{"", "{}"} {
					a := refresh("user", token, body)
					require.Equal(t, http.StatusOK, a.status, where...)
					require.Equal(t, id, a.fields(t)["connectionId"], where...)
					require.Equal(t, []string{"https://app.example"}, a.header.Values("Access-Control-Allow-Origin"))
				}
				requireRefused(t, refresh("other", token, ""), http.StatusForbidden, "subject_changed")
				requireRefused(t, refresh("forged", token, ""), http.StatusUnauthorized, "invalid_token")
				requireRefused(t, refresh("user", strings.ToLower(token), ""), http.StatusNotFound, "connection_not_found")
				require.NoError(t, conn.Context().Err())
			}
		}
	}
	unused, _ := n.token(t, 0)
	h := &half{t: t, http: ownClient(t), url: n.of(1).url + "/refresh?access_token=user&id=" + unused}
	requireRefused(t, h.do(http.MethodPost, ""), http.StatusNotFound, "connection_not_found")
}
