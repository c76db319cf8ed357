package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list of many pages continues after the server's rate limit, names each node that does not answer once, and says
// where it stops.
func TestConnectionsAreListedOverPages(t *testing.T) {
	t.Parallel()
	asked, shown := 0, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		shown = r.Header.Get("Authorization")
		page, next := r.URL.Query().Get("after"), `"next":"c1",`
		switch {
		case asked == 2:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		case page == "":
			page = "c1"
		default:
			page, next = "c2", `"next":"c2",`
		}
		_, _ = fmt.Fprintf(w, `{"connections":[{"connectionId":%q,"groups":[],"moreGroups":3}],%s
			"unreachable":[{"node":"n","host":"kitchen-2","error":"refused"}]}`, page, next)
	}))
	t.Cleanup(server.Close)
	var out, notes bytes.Buffer
	c := &connectionsCmd{restAPI: restAPI{target: target{URL: server.URL + "/", Token: "given"}}, Limit: 2}
	require.ErrorIs(t, c.Run(t.Context(), &streams{&out, &notes}), errFindings)
	require.Equal(t, 3, asked)
	require.Equal(t, "Bearer given", shown)
	require.Regexp(t, `(?s)^CONNECTION .*\nc1 .* away .* and 3 more\nc2 `, out.String())
	require.Equal(t,
		"node n on kitchen-2 did not answer, what is there is missing: refused\nthese are the first 2; there are more, see --limit\n", notes.String())
}
