package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/cli"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

const startsOwn = "starting a database and a server for the bench"

// A bench without flags starts a database and a server of its own.
//
// Acceptance: A-411.
func TestABenchStartsADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	var out, progress bytes.Buffer
	code := cli.Run(t.Context(), []string{"bench", "publish", "--writers=1", "--runs=1", "--duration=20ms", "--json"},
		&out, &progress)
	require.Zero(t, code, progress.String())
	require.Contains(t, progress.String(), startsOwn)
	require.Contains(t, out.String(), `"name":"publish_1"`)
}

// Settings that a shell has exported for its own server lead no bench to that server.
//
// Acceptance: A-538.
func TestABenchTouchesNoDatabaseThatNoFlagPointsItAt(t *testing.T) {
	db := pgtest.New(t)
	t.Setenv("HERALD_DATABASE_URL", db.DSN())
	for name, value := range map[string]string{
		"HERALD_LISTEN_DATABASE_URL": db.DSN(), "HERALD_URL": "http://127.0.0.1:1", "HERALD_JWKS_URL": "http://127.0.0.1:1",
		"HERALD_LISTEN": "127.0.0.1:1", "HERALD_OPS_LISTEN": "127.0.0.1:1", "HERALD_TLS_CERT_FILE": "/nowhere",
		"HERALD_TLS_KEY_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
	var out, progress bytes.Buffer
	code := cli.Run(t.Context(),
		[]string{"bench", "latency", "--events=3", "--rates=100", "--writers=1", "--runs=1", "--duration=20ms", "--json"},
		&out, &progress)
	require.Zero(t, code, progress.String())
	require.Contains(t, progress.String(), startsOwn)
	require.Contains(t, progress.String(), "HERALD_DATABASE_URL is set and left alone")
	var rows, sessions int
	pool := db.Pool(t)
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM herald.outbox").Scan(&rows))
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM herald.node").Scan(&sessions))
	require.Equal(t, []int{0, 0}, []int{rows, sessions}, "events and nodes in the database of the shell's own server")
}

// A bench with the flag of a server measures that server.
//
// Acceptance: A-412.
func TestABenchMeasuresTheServerThatItIsPointedAt(t *testing.T) {
	t.Parallel()
	const secret = "a development secret of more than 32 bytes"
	dsn := pgtest.New(t).DSN()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	self, err := os.Executable()
	require.NoError(t, err)
	server := exec.CommandContext(context.WithoutCancel(t.Context()), self, "serve", "--listen",
		address, "--log-level", "warn")
	server.Env = append(os.Environ(), "HERALD_DATABASE_URL="+dsn, "HERALD_JWT_SECRET="+secret,
		"HERALD_INVOCATION_RATE=0", "HERALD_MESSAGE_RATE=0")
	var said bytes.Buffer
	server.Stderr = &said
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		require.NoError(t, err)
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, ""
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	require.Eventually(t, func() bool {
		status, _ := get("/readyz")
		return status == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "the server is not ready")

	var out, progress bytes.Buffer
	code := cli.Run(t.Context(), []string{
		"bench", "invoke", "--url=http://" + address, "--database-url=" + dsn, "--jwt-secret=" + secret,
		"--server-pid=" + strconv.Itoa(server.Process.Pid), "--connections=2", "--window=4", "--orders=3", "--runs=1",
		"--duration=50ms", "--json",
	}, &out, &progress)
	require.Zero(t, code, progress.String())
	require.NotContains(t, progress.String(), startsOwn)
	require.Contains(t, out.String(), `"name":"invoke_rate"`)
	_, metrics := get("/metrics")
	require.Contains(t, metrics, `herald_invocations_total{hub="customer-orders",method="SubscribeToOrder",outcome="ok"}`)
}
