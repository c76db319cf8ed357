package auditlog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auditlog"
	"github.com/yummyzoom/herald/internal/auth"
)

func setup(cfg auditlog.Config) (*auditlog.Log, *bytes.Buffer) {
	var text bytes.Buffer
	cfg.Logger = slog.New(slog.NewJSONHandler(&text, nil))
	return auditlog.New(cfg), &text
}

// written decodes the log, without its times, and empties it.
func written(t *testing.T, text *bytes.Buffer) (lines []map[string]any) {
	t.Helper()
	for decoder := json.NewDecoder(text); decoder.More(); {
		var line map[string]any
		require.NoError(t, decoder.Decode(&line))
		delete(line, "time")
		lines = append(lines, line)
	}
	return lines
}

func everything() auditlog.Entry {
	return auditlog.Entry{
		Action: auditlog.Subscribe, Path: "/hubs/customer-orders", Subject: "alice", ConnectionID: "c1", Group: "order:1",
		EventID: uuid.UUID{15: 1},
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	log, text := setup(auditlog.Config{})
	log.Done(t.Context(), everything())
	log.Refused(t.Context(), everything(), errors.New("Forbidden"))
	log.Refused(t.Context(), auditlog.Entry{Action: auditlog.Connect, Path: "/hubs/admin"},
		&auth.TokenError{Reason: auth.Expired, Detail: "it is old"})
	all := map[string]any{
		"level": "INFO", "log": "audit", "action": "subscribe", "path": "/hubs/customer-orders",
		"subject": "alice", "connection_id": "c1",
		"group": "order:1", "event_id": "00000000-0000-0000-0000-000000000001",
	}
	with := func(fields ...any) map[string]any {
		line := maps.Clone(all)
		for i := 0; i < len(fields); i += 2 {
			line[fields[i].(string)] = fields[i+1]
		}
		return line
	}
	require.Equal(t, []map[string]any{
		with("msg", "done", "outcome", "ok"),
		with("msg", "a request was refused", "outcome", "refused", "reason", "not_permitted", "error", "Forbidden"),
		{
			"level": "INFO", "msg": "a request was refused", "log": "audit", "action": "connect",
			"path": "/hubs/admin", "outcome": "refused",
			"reason": "expired", "error": "token refused: it is old",
		},
	}, written(t, text))
}

func TestWhatWasDoneMayBeLeftOut(t *testing.T) {
	t.Parallel()
	log, text := setup(auditlog.Config{RefusalsOnly: true})
	log.Done(t.Context(), everything())
	require.Empty(t, text.String())
	log.Refused(t.Context(), everything(), errors.New("Forbidden"))
	require.Len(t, written(t, text), 1)
}

func TestALineHasALimit(t *testing.T) {
	t.Parallel()
	log, text := setup(auditlog.Config{})
	e := everything()
	e.Subject, e.Group = strings.Repeat("x\n", 10_000), strings.Repeat("y", 10_000)
	log.Done(t.Context(), e)
	require.Less(t, text.Len(), 1000)
	require.Equal(t, 1, strings.Count(text.String(), "\n"))
}

// TestAFloodOfRefusalsDoesNotFillTheLog: each line that is left out is counted once.
//
// Acceptance: A-169.
func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const flood = 1000
		log, text := setup(auditlog.Config{})
		refuse := func() {
			for range flood {
				log.Refused(t.Context(), everything(), errors.New("it is bad"))
			}
		}
		refuse()
		lines := written(t, text)
		require.Len(t, lines, auditlog.RefusalsAtOnce)
		require.NotContains(t, lines[0], "left_out")
		time.Sleep(time.Second) // of the bubble's clock
		refuse()
		lines = written(t, text)
		require.Len(t, lines, auditlog.RefusalsPerSecond)
		require.InDelta(t, flood-auditlog.RefusalsAtOnce, lines[0]["left_out"], 0)
		require.NotContains(t, lines[1], "left_out")
		time.Sleep(time.Hour)
		log.Refused(t.Context(), everything(), errors.New("it is bad"))
		require.InDelta(t, flood-auditlog.RefusalsPerSecond, written(t, text)[0]["left_out"], 0)
		for range flood {
			log.Done(t.Context(), everything())
		}
		require.Len(t, written(t, text), flood, "what was done has a limit of its own")
	})
}

// TestNobodyFillsTheLog: lines of a user who joins and leaves without end are left out after a while, others' are
// not.
func TestNobodyFillsTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const tooMany = 100
		log, text := setup(auditlog.Config{})
		of := func(subject string) auditlog.Entry {
			e := everything()
			e.Subject = subject
			return e
		}
		for range auditlog.DoneAtOnce + tooMany {
			log.Done(t.Context(), of("mallory"))
		}
		require.Len(t, written(t, text), auditlog.DoneAtOnce)
		for i := range tooMany { // a few may share mallory's limit
			log.Done(t.Context(), of("user-"+strconv.Itoa(i)))
		}
		require.Greater(t, len(written(t, text)), tooMany/2)
		time.Sleep(time.Second)
		for range tooMany {
			log.Done(t.Context(), of("mallory"))
		}
		lines := written(t, text)
		require.Len(t, lines, auditlog.DonePerSecond)
		require.GreaterOrEqual(t, lines[0]["left_out"], float64(tooMany))
	})
}
