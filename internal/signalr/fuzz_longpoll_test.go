package signalr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yummyzoom/herald/internal/signalr"
)

// FuzzLongPolling sends anything at all to a connection over long polling: any method, with any query, and any body,
// cut in two requests. A TOKEN in the query stands for the connection's. Whatever is sent, the status is one of
// .NET's, the answers are whole records, the client can leave, and the hub sees as many ends as beginnings.
func FuzzLongPolling(f *testing.F) {
	const own = "access_token=user&id=TOKEN"
	for _, seed := range []struct{ method, query, body string }{
		{http.MethodGet, own, ""},
		{http.MethodPost, own, nothing + nothing + ping + "\x1e"},
		{http.MethodPost, own, `{"type":7}` + "\x1e"},
		{http.MethodPost, own, `{"type":`},
		{http.MethodPost, own, strings.Repeat("[", 40<<10)},
		{http.MethodPost, own, ""},
		{http.MethodPost, "access_token=other&id=TOKEN", nothing},
		{http.MethodPost, "access_token=user", nothing},
		{http.MethodPost, "access_token=user&id=TOKE", nothing},
		{http.MethodGet, own + "&id=x&_=1", "a poll with a body"},
		{http.MethodGet, "ID=x&%zz&id=TOKEN;access_token=user", ""},
		{http.MethodDelete, own, ""},
		{http.MethodDelete, "access_token=user&id=" + strings.Repeat("TOKEN", 100), nothing},
		{http.MethodPut, own, nothing},
		{http.MethodHead, own, ""},
		{http.MethodOptions, own, ""},
		{"PRI", "", "\x00"},
	} {
		f.Add(seed.method, seed.query, []byte(seed.body))
	}
	socket := serveOnSocketFile(f, func(cfg *signalr.Config) { cfg.PollTimeout = 5 * time.Millisecond })
	pool := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	f.Cleanup(pool.CloseIdleConnections)
	client := &http.Client{Transport: pool, Timeout: patience}
	f.Fuzz(func(t *testing.T, method, query string, body []byte) {
		if !sayable(method, query) {
			return
		}
		c := &fuzzedPoller{t: t, client: client}
		c.token = c.negotiate()
		c.expect(c.say(http.MethodGet, own, nil), http.StatusOK)
		c.expect(c.say(http.MethodPost, own, []byte(handshake)), http.StatusOK)
		for _, part := range [][]byte{body[:len(body)/2], body[len(body)/2:]} {
			c.expect(c.say(method, query, part), http.StatusOK, http.StatusAccepted, http.StatusNoContent,
				http.StatusBadRequest,
				http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed)
			c.expect(c.say(http.MethodGet, own, nil), http.StatusOK, http.StatusNoContent, http.StatusNotFound)
		}
		c.expect(c.say(http.MethodDelete, own, nil), http.StatusAccepted, http.StatusNotFound)
		c.expect(c.say(http.MethodGet, own, nil), http.StatusNoContent, http.StatusNotFound)
		if c.fetched.Len() > 0 && !bytes.HasSuffix(c.fetched.Bytes(), []byte{0x1e}) {
			t.Fatalf("record without an end: %q", c.fetched.Bytes())
		}
		for record := range bytes.SplitSeq(bytes.TrimSuffix(c.fetched.Bytes(), []byte{0x1e}), []byte{0x1e}) {
			if len(record) > 0 && !json.Valid(record) {
				t.Fatalf("not JSON: %q", record)
			}
		}
	})
}

// sayable rejects input that would be no request, or two: the HTTP server is not tested here. The TOKEN keeps
// negotiate requests out.
func sayable(method, query string) bool {
	noLetter := func(r rune) bool { return r < 'A' || r > 'Z' }
	invisible := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
	return method != "" && len(method) < 20 && method != http.MethodConnect && !strings.ContainsFunc(method, noLetter) &&
		!strings.ContainsFunc(query, invisible)
}

type fuzzedPoller struct {
	t       *testing.T
	client  *http.Client
	token   string
	fetched bytes.Buffer
}

func (c *fuzzedPoller) negotiate() string {
	c.t.Helper()
	var answer struct{ ConnectionToken string }
	status, body := c.request(http.MethodPost, "/hub/negotiate", "access_token=user&negotiateVersion=1", nil)
	if err := json.Unmarshal(body, &answer); status != http.StatusOK || err != nil {
		c.t.Fatalf("negotiating: %d, %v", status, err)
	}
	return answer.ConnectionToken
}

// say keeps what a poll has fetched.
func (c *fuzzedPoller) say(method, query string, body []byte) int {
	c.t.Helper()
	status, answer := c.request(method, "/hub", strings.ReplaceAll(query, "TOKEN", c.token), body)
	if method == http.MethodGet && status == http.StatusOK {
		c.fetched.Write(answer)
	}
	return status
}

func (c *fuzzedPoller) request(method, path, query string, body []byte) (int, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://server"+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.URL.RawQuery = query
	response, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, answer
}

func (c *fuzzedPoller) expect(status int, allowed ...int) {
	c.t.Helper()
	if !slices.Contains(allowed, status) {
		c.t.Fatalf("status %d, not one of %v", status, allowed)
	}
}
