package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// postmaster is the process of a data directory's embedded server.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	home := filepath.Join(dir, "postgres")
	if elsewhere, err := os.ReadFile(filepath.Join(dir, "postgres.location")); err == nil {
		home = strings.TrimSpace(string(elsewhere))
	}
	text, err := os.ReadFile(filepath.Join(home, "data", "postmaster.pid"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	return pid
}

// A server whose embedded database is killed reports it, starts the database again, and delivers.
//
// Acceptance: A-428.
func TestTheEmbeddedDatabaseIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	s := &server{env: []string{"HERALD_DATA_DIR=" + dir, "HERALD_JWT_SECRET=" + secret, "HERALD_LISTEN=127.0.0.1:0"}}
	s.start(t)
	resource := uuid.NewString()
	c := drive(t).connect(t, s.url+customerHub, user(t, "alice"))
	publish := func(status string) string {
		t.Helper()
		code, id, logs := herald(t, []string{"HERALD_DATA_DIR=" + dir}, "publish", "OrderPlaced", "--resource="+resource,
			"--restaurant="+uuid.NewString(), "--customer=alice", `--payload={"orderNumber":"YZ-1","status":"`+status+`"}`)
		require.Zero(t, code, logs)
		return id
	}
	first := publish("Placed")
	c.call(t, "ResumeOrder", resource, uuid.Nil)
	require.Contains(t, string(c.next(t).Args[0]), first)

	require.NoError(t, syscall.Kill(postmaster(t, dir), syscall.SIGKILL))
	s.logs.await(t, 0, "the server to tell of the end", logged("the embedded PostgreSQL has ended by itself"))
	require.True(t, eventually(func() bool {
		_, logs := s.texts()
		return strings.Count(logs, "the embedded PostgreSQL is ready") == 2
	}))
	second := publish("Preparing")
	require.Contains(t, string(c.next(t).Args[0]), second)
	s.awaitReady(t)
	code, _ := s.terminate(t)
	require.Zero(t, code)
}
