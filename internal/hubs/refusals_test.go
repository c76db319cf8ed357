package hubs_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// take returns the text written since the last call.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.text.String()
	j.text.Reset()
	return text
}

// logging makes the hubs write to a journal, from info level on.
func logging(j *journal) func(*server) {
	return func(s *server) { s.logger = slog.New(slog.NewJSONHandler(j, nil)) }
}

// TestTheLogTellsWhyATokenWasRefused: the client learns the status and nothing else, and the log does not contain
// the token.
//
// Acceptance: A-169.
func TestTheLogTellsWhyATokenWasRefused(t *testing.T) {
	t.Parallel()
	var log journal
	s := setup(t, logging(&log))
	expired := s.token(auth.Grant{Subject: "u", TTL: -time.Hour})
	foreign, err := auth.Mint("another secret that is long enough", auth.Grant{Subject: "u"})
	require.NoError(t, err)
	for _, c := range []struct {
		path, token, reason, says string
		status                    int
	}{
		{event.CustomerOrdersPath, expired, "expired", "it expired at", http.StatusUnauthorized},
		{event.CustomerOrdersPath, foreign, "bad_signature", "does not fit the configured key", http.StatusUnauthorized},
		{event.RestaurantOrdersPath, "x.y.z", "malformed", "not a JSON Web Token", http.StatusUnauthorized},
		{event.TeamCartPath, "", "no_token", "there is none", http.StatusUnauthorized},
		{
			event.AdminPath, s.token(auth.Grant{Subject: "u"}), "not_permitted", `requires the role "Admin"`,
			http.StatusForbidden,
		},
	} {
		for _, path := range []string{c.path, c.path + "/negotiate"} {
			status, _ := s.post(path, c.token)
			require.Equal(t, c.status, status, path)
			text := log.take()
			var line struct{ Level, Path, Reason, Error string }
			require.NoError(t, json.Unmarshal([]byte(text), &line), text)
			require.Equal(t, "INFO", line.Level)
			require.Equal(t, c.path, line.Path)
			require.Equal(t, c.reason, line.Reason)
			require.Contains(t, line.Error, c.says)
			if c.token != "" {
				require.NotContains(t, text, c.token[strings.LastIndex(c.token, ".")+1:]+`"`)
				require.NotContains(t, text, "eyJ")
			}
		}
	}
	status, _ := s.post(event.CustomerOrdersPath+"/negotiate", s.token(auth.Grant{Subject: "u"}))
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, log.take())
}

func TestTheLogTellsWhyARefreshWasRefused(t *testing.T) {
	t.Parallel()
	var log journal
	s := setup(t, logging(&log))
	customer := s.connect(event.CustomerOrdersPath, auth.Grant{Subject: "u"})
	boss, _ := s.connectAdmin()
	for _, c := range []struct {
		client              *client
		token, reason, says string
	}{
		{customer, s.token(auth.Grant{Subject: "u", TTL: -time.Hour}), "expired", "it expired at"},
		{customer, s.token(auth.Grant{Subject: "v"}), "not_permitted", "another subject"},
		{boss, s.token(auth.Grant{Subject: "boss"}), "not_permitted", `requires the role`},
	} {
		log.take()
		c.client.refused("Unauthorized", "RefreshToken", c.token)
		text := log.take()
		require.Contains(t, text, `"reason":"`+c.reason+`"`)
		require.Contains(t, text, `"action":"refresh_token"`)
		require.Contains(t, strings.ReplaceAll(text, `\"`, `"`), c.says)
		require.NotContains(t, text, "eyJ")
	}
}
