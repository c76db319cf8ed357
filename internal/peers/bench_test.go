package peers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkHop is a POST over a kept connection, directly to the node that it is for, and through another node.
func BenchmarkHop(b *testing.B) {
	a, owner := start(b, "db"), start(b, "db")
	acquainted(a, owner)
	owner.hub = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	}
	body := strings.Repeat("x", 100)
	for name, url := range map[string]string{
		"straight": owner.server.URL + "/hubs/x", "forwarded": a.server.URL + "/to/" + owner.id.String() + "/hubs/x",
	} {
		b.Run(name, func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(body))
				require.NoError(b, err)
				r.Header.Set("Authorization", "Bearer "+strings.Repeat("t", 700))
				answer, err := client.Do(r)
				require.NoError(b, err)
				_, _ = io.Copy(io.Discard, answer.Body)
				require.NoError(b, answer.Body.Close())
			}
		})
	}
}
