package hubs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
)

// audited is a line of the audit log.
type audited struct {
	Level, Log, Action, Path, Subject, Group, Outcome, Reason, Error string
	ConnectionID                                                     string `json:"connection_id"`
}

func (j *journal) audited(t *testing.T) (lines []audited) {
	t.Helper()
	for decoder := json.NewDecoder(strings.NewReader(j.take())); decoder.More(); {
		var line audited
		require.NoError(t, decoder.Decode(&line))
		require.Equal(t, "INFO", line.Level)
		if line.Log == "audit" {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestTheAuditLogTellsWhoConnectedAndSubscribed: it also tells who was refused, and has no message contents.
func TestTheAuditLogTellsWhoConnectedAndSubscribed(t *testing.T) {
	t.Parallel()
	var log journal
	s := setup(t, logging(&log))
	mine, foreign := event.OrderGroup(uuid.New()), event.OrderGroup(uuid.New())
	id := func(g event.Group) string { return g.ID().String() }
	c := s.connect(event.CustomerOrdersPath, auth.Grant{Subject: "alice", Permissions: []string{mine.String()}})
	c.must("SubscribeToOrder", id(mine))
	c.refused("Forbidden", "SubscribeToOrder", id(foreign))
	c.refused("Forbidden", "ResumeOrder", id(foreign), nil)
	s.publish(
		mine,
		event.Event{Type: event.OrderPlaced, Payload: json.RawMessage(`{"orderNumber":"confidential","status":"Placed"}`)},
	)
	c.next()
	c.must("ResumeOrder", id(mine), uuid.Nil)
	c.must("UnsubscribeFromOrder", id(mine))
	c.must("RefreshToken", s.token(auth.Grant{Subject: "alice"}))
	all := log.take()
	require.NotContains(t, all, "confidential")
	require.NotContains(t, all, "eyJ")
	_, _ = log.Write([]byte(all))

	lines := log.audited(t)
	require.Len(t, lines, 6)
	connection := lines[0].ConnectionID
	require.NotEmpty(t, connection)
	line := func(action, group, outcome, reason, err string) audited {
		return audited{"INFO", "audit", action, event.CustomerOrdersPath, "alice", group, outcome, reason, err, connection}
	}
	require.Equal(t, []audited{
		line("connect", "", "ok", "", ""),
		line("subscribe", mine.String(), "ok", "", ""),
		line("subscribe", foreign.String(), "refused", "not_permitted", "Forbidden"),
		line("subscribe", foreign.String(), "refused", "not_permitted", "Forbidden"),
		line("subscribe", mine.String(), "ok", "", ""),
		line("refresh_token", "", "ok", "", ""),
	}, lines)

	boss, _ := s.connectAdmin()
	boss.must("SubscribeToAlerts")
	lines = log.audited(t)
	require.Len(t, lines, 2)
	require.Equal(
		t, audited{"INFO", "audit", "connect", event.AdminPath, "boss", "", "ok", "", "", lines[1].ConnectionID},
		lines[0],
	)
	require.Equal(t, "alerts", lines[1].Group)
	s.post(event.AdminPath+"/negotiate", s.token(auth.Grant{Subject: "mallory"}))
	lines = log.audited(t)
	require.Len(t, lines, 1)
	require.Equal(t, "mallory", lines[0].Subject, "the token is good, so it is known whose it is")
	require.Equal(t, "refused", lines[0].Outcome)
}
