package auth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
)

// refusalLine is what the log says of one refusal.
type refusalLine struct {
	Level, Msg, Path, Reason, Error string
	LeftOut                         int `json:"left_out"`
}

// written decodes the log and empties it.
func written(t *testing.T, log *bytes.Buffer) (lines []refusalLine) {
	t.Helper()
	for decoder := json.NewDecoder(log); decoder.More(); {
		var line refusalLine
		require.NoError(t, decoder.Decode(&line))
		lines = append(lines, line)
	}
	return lines
}

func TestRefusalsAreLoggedWithTheirReason(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	refusals := auth.NewRefusalLog(slog.New(slog.NewJSONHandler(&log, nil)))
	v := verifier(t, auth.Config{Secret: secret, Issuer: "https://issuer"})
	token := hs256(t, with(with(goodClaims(), "iss", "https://issuer"), "exp", now().Add(-time.Hour).Unix()))
	_, err := v.Verify(t.Context(), token)
	refusals.Refused(t.Context(), "/hubs/admin", err)
	refusals.Refused(t.Context(), "/hubs/admin", errors.New("it needs a role"))
	require.NotContains(t, log.String(), token)
	require.NotContains(t, log.String(), token[strings.LastIndex(token, ".")+1:])
	require.Equal(t, []refusalLine{
		{"INFO", "a request was refused", "/hubs/admin", "expired", "token refused: it expired at 2026-01-20T09:00:00Z, 1h0m0s ago", 0},
		{"INFO", "a request was refused", "/hubs/admin", "not_permitted", "it needs a role", 0},
	}, written(t, &log))
}

// TestAFloodOfRefusalsDoesNotFillTheLog: what is left out is counted, each once.
func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const flood = 1000
		var log bytes.Buffer
		refusals := auth.NewRefusalLog(slog.New(slog.NewJSONHandler(&log, nil)))
		refuse := func() {
			for range flood {
				refusals.Refused(t.Context(), "/hubs/admin", errors.New("it is bad"))
			}
		}
		refuse()
		lines := written(t, &log)
		require.Len(t, lines, auth.RefusalsAtOnce)
		require.Zero(t, lines[0].LeftOut)
		time.Sleep(time.Second) // of the bubble's clock
		refuse()
		lines = written(t, &log)
		require.Len(t, lines, auth.RefusalsPerSecond)
		require.Equal(t, flood-auth.RefusalsAtOnce, lines[0].LeftOut)
		require.Zero(t, lines[1].LeftOut)
		time.Sleep(time.Hour)
		refusals.Refused(t.Context(), "/hubs/admin", errors.New("it is bad"))
		require.Equal(t, flood-auth.RefusalsPerSecond, written(t, &log)[0].LeftOut)
	})
}
