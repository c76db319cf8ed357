package hostile_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// knock sends a request with a user's token to a node.
func knock(t *testing.T, method, url, bearer string, headers ...string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+bearer)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(b)
}

// ticket negotiates at a node's hub.
func ticket(t *testing.T, url, bearer string) string {
	t.Helper()
	status, text := knock(t, http.MethodPost, url+"/negotiate?negotiateVersion=1", bearer)
	require.Equal(t, http.StatusOK, status, text)
	var answer struct{ ConnectionToken string }
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	return answer.ConnectionToken
}

const unknown = "No Connection with that ID"

// A connection token of one node is sent to another: altered in each of its bytes, cut, of another hub, of another
// user and of another database. None opens anything, by any transport; thousands of invented keys delay no client;
// and the token itself stays valid.
//
// Acceptance: A-467.
func TestTicketsThatNoNodeHasIssued(t *testing.T) {
	t.Parallel()
	db, foreign := pgtest.New(t), pgtest.New(t)
	one, other, stranger := node(t, db, nil).URL+customerOrders, node(t, db, nil).URL+customerOrders,
		node(t, foreign, nil).URL+customerOrders
	user, thief := token(t, "user-1"), token(t, "user-2")
	good := ticket(t, one, user)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	var bad []string
	for i := range raw {
		altered := append([]byte(nil), raw...)
		altered[i] ^= 1 << (i % 8)
		bad = append(bad, base64.RawURLEncoding.EncodeToString(altered))
	}
	for _, length := range []int{0, 1, 4, 31, 32, len(raw) - 1} {
		bad = append(bad, base64.RawURLEncoding.EncodeToString(raw[:length])+"A")
	}
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", good[len(good)-1])
	bad = append(bad, good+"AA", good+"=",
		good[:len(good)-1]+string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1]),
		strings.Repeat("A", 400), strings.Repeat("A", 8000),
		ticket(t, strings.Replace(one, "customer", "restaurant", 1), user), ticket(t, stranger, user))
	upgrade := []string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
	}
	for _, id := range bad {
		for _, headers := range [][]string{nil, {"Accept", "text/event-stream"}, upgrade} {
			status, text := knock(t, http.MethodGet, other+"?id="+id, user, headers...)
			require.Equal(t, http.StatusNotFound, status, id)
			require.Equal(t, unknown, text)
		}
	}
	for _, at := range []string{one, other} {
		for _, headers := range [][]string{nil, upgrade} {
			status, _ := knock(t, http.MethodGet, at+"?id="+good, thief, headers...)
			require.Equal(t, http.StatusForbidden, status)
		}
	}

	var flood sync.WaitGroup
	for worker := range 4 {
		flood.Go(func() {
			for i := range 200 {
				invented := append([]byte(nil), raw...)
				binary.BigEndian.PutUint32(invented, uint32(worker*1000+i+1))
				status, _ := knock(t, http.MethodPost, other+"?id="+base64.RawURLEncoding.EncodeToString(invented), user)
				if status != http.StatusNotFound {
					t.Errorf("an invented key is answered %d", status)
					return
				}
			}
		})
	}
	flood.Wait()
	status, text := knock(t, http.MethodPost, one+"?id="+good, user)
	require.Equal(t, http.StatusOK, status, text)
}
