package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// An operator uses the commands: lists connections, disconnects one of them, drains a node.
//
// Acceptance.
func TestAnOperatorListsDisconnectsAndDrains(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN()
	a, b, d := serve(t, dsn), serve(t, dsn), drive(t)
	order := uuid.New()
	run := func(want int, args ...string) (out, logs string) {
		t.Helper()
		code, out, logs := herald(t, settings(dsn, "HERALD_URL="+a.url), args...)
		require.Equal(t, want, code, "%v: %s%s", args, out, logs)
		return out, logs
	}
	require.True(
		t, eventually(func() bool { out, _ := run(0, "node", "list"); return strings.Count(out, " ready ") == 2 }),
	)

	alice, opened := d.open(t, b.url+customerHub, options{Tokens: []string{mint(t, auth.Grant{
		Subject: "alice", TTL: time.Hour, Permissions: []string{"OrderOwner:" + order.String()},
	})}, Reconnect: true})
	require.Empty(t, opened.Error)
	alice.call(t, "SubscribeToOrder", order)
	bob, opened := d.open(t, a.url+customerHub, options{Tokens: []string{user(t, "bob\x1b[2J")}})
	require.Empty(t, opened.Error)

	out, logs := run(0, "connections")
	require.Empty(t, logs)
	require.Contains(t, out, "order:"+order.String())
	require.Contains(t, out, " alice ")
	require.NotContains(t, out, "\x1b", "a name does not steer the terminal")
	out, _ = run(0, "connections", "--group=order:"+order.String(), "--node="+b.id(t), "--json")
	var one struct{ ConnectionID, User, Node string }
	require.NoError(t, json.Unmarshal([]byte(out), &one))
	require.Equal(t, "alice", one.User)
	require.Equal(t, b.id(t), one.Node)
	out, logs = run(0, "connections", "--limit=1")
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 2, "a heading and one")
	require.Contains(t, logs, "there are more, see --limit")
	_, logs = run(0, "connections", "--user=carol")
	require.Contains(t, logs, "nobody is connected that fits")
	_, logs = run(1, "connections", "--group=nonsense")
	require.Contains(t, logs, "The field must be a group")
	_, logs = run(1, "connections", "--token="+user(t, "bob"))
	require.Contains(t, logs, "HERALD_ADMIN_ROLE")
	_, logs = run(1, "disconnect")
	require.Contains(t, logs, "--user, --connection or --group")

	out, _ = run(0, "disconnect", "--user=alice", "--reconnect")
	require.Equal(t, "disconnected 1", out)
	alice.until(t, "reconnecting")
	alice.until(t, "reconnected")
	out, _ = run(0, "disconnect", "--user=alice")
	require.Equal(t, "disconnected 1", out)
	alice.until(t, "closed")
	b.logs.await(t, 0, "who disconnected whom", func(line string) bool {
		return strings.Contains(line, `"action":"disconnect"`) && strings.Contains(line, `"subject":"herald-cli"`) &&
			strings.Contains(line, `"target":"alice"`)
	})
	b.logs.await(t, 0, "why the connection ended", func(line string) bool {
		return strings.Contains(line, `"msg":"connection closed"`) && strings.Contains(line, `"subject":"alice"`) &&
			strings.Contains(line, `"reason":"disconnected"`)
	})

	out, _ = run(0, "node", "drain", b.id(t))
	require.Contains(t, out, "Node is draining: "+b.id(t))
	b.logs.await(t, 0, "who drained it", func(line string) bool {
		return strings.Contains(line, `"action":"drain_node"`) && strings.Contains(line, `"subject":"herald-cli"`)
	})
	out, _ = run(0, "node", "list")
	require.Regexp(t, "(?m)^"+b.id(t)+` .* draining `, out)
	require.Regexp(t, "(?m)^"+a.id(t)+` .* ready `, out)
	_, checked, _ := herald(t, settings(dsn), "check", "--skip-audit")
	require.Contains(t, checked, "node "+b.id(t)+" on ")
	require.Contains(t, checked, " is draining: it takes no connections any more")
	_, logs = run(1, "node", "drain", a.id(t))
	require.Contains(t, logs, "Start another node first")
	_, logs = run(1, "node", "drain", "nowhere")
	require.Contains(t, logs, "No node of that id or host")
	out, _ = run(0, "node", "drain", a.id(t), "--force")
	require.Contains(t, out, "Node is draining: "+a.id(t))
	bob.until(t, "closed")
	for _, s := range []*server{a, b} {
		code, _ := s.terminate(t)
		require.Zero(t, code)
	}
}
