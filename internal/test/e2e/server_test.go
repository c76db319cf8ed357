package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/test/child"
)

const secret = "a-secret-that-only-these-tests-know-0123456789"

// process is a running herald.
type process struct {
	cmd  *exec.Cmd
	out  *record[string] // standard output, by line
	logs *record[string] // standard error, by line
	done <-chan struct{} // closed when the process has ended
}

// start runs herald with args and with env as its whole environment.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startOf(t, binary, env, args...)
}

// startOf is start with another build.
func startOf(t *testing.T, build string, env []string, args ...string) *process {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), build, args...) // clean-up ends it
	p := &process{cmd: cmd, out: &record[string]{}, logs: &record[string]{}}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "HERALD_LOG_FORMAT=json"}, env...)
	p.cmd.Dir = t.TempDir()
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	p.done, err = child.Start(p.cmd, func() {
		var both sync.WaitGroup
		both.Go(func() { child.ReadLines(stdout, p.out.add) })
		child.ReadLines(stderr, p.logs.add)
		both.Wait()
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			lines, _ := p.logs.all()
			t.Logf("herald %s, process %d:\n%s", strings.Join(args, " "), p.cmd.Process.Pid, tail(lines))
		}
	})
	return p
}

// ended waits for the process's end and returns its exit code.
func (p *process) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.FailNow(t, "the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// texts returns the process's output so far.
func (p *process) texts() (out, logs string) {
	o, _ := p.out.all()
	l, _ := p.logs.all()
	return strings.Join(o, "\n"), strings.Join(l, "\n")
}

// herald runs a command to its end.
func herald(t *testing.T, env []string, args ...string) (code int, out, logs string) {
	t.Helper()
	p := start(t, env, args...)
	code = p.ended(t)
	out, logs = p.texts()
	return code, out, logs
}

// server is a herald that serves.
type server struct {
	*process
	url string
	ops string // of /readyz, if it is not url
	env []string
}

// settings are the settings of every server of the tests.
func settings(dsn string, env ...string) []string {
	return append([]string{
		"HERALD_DATABASE_URL=" + dsn, "HERALD_JWT_SECRET=" + secret, "HERALD_FEATURE_TEAMCART=true",
		"HERALD_STATS_INTERVAL=0",
	}, env...)
}

// serve starts a server on the database and returns when it is ready.
func serve(t *testing.T, dsn string, env ...string) *server {
	t.Helper()
	s := &server{env: append(settings(dsn, "HERALD_LISTEN="+freeAddress(t)), env...)}
	s.start(t)
	return s
}

// start starts the server, again on the same address, and waits until it is ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.process = start(t, s.env, "serve")
	s.attend(t)
}

// attend waits until a server that has been started is ready.
func (s *server) attend(t *testing.T) {
	t.Helper()
	line, _ := s.logs.await(
		t, 0, "the server to serve", func(line string) bool { return strings.Contains(line, `"msg":"serving"`) },
	)
	var serving struct{ Address string }
	require.NoError(t, json.Unmarshal([]byte(line), &serving))
	s.url = "http://" + serving.Address
	s.awaitReady(t)
}

// id is the node's id.
func (s *server) id(t *testing.T) string {
	t.Helper()
	line, _ := s.logs.await(
		t, 0, "the server to serve", func(line string) bool { return strings.Contains(line, `"msg":"serving"`) },
	)
	var serving struct {
		NodeID string `json:"node_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(line), &serving))
	return serving.NodeID
}

func (s *server) awaitReady(t *testing.T) {
	t.Helper()
	var last response
	ready := func() bool {
		var status int
		status, last = request(t, http.MethodGet, cmp.Or(s.ops, s.url)+"/readyz", "", "")
		return status == http.StatusOK
	}
	if !eventually(ready) {
		require.FailNow(t, "the server does not get ready", last.body)
	}
}

// eventually asks until the answer is yes, and returns whether it was.
func eventually(yes func() bool) bool {
	const pause = 10 * time.Millisecond
	deadline, again := time.NewTimer(patience), time.NewTicker(pause)
	defer deadline.Stop()
	defer again.Stop()
	for !yes() {
		select {
		case <-deadline.C:
			return false
		case <-again.C:
		}
	}
	return true
}

// kill ends the server as a crash would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Kill())
	s.ended(t)
}

// terminate asks the server to end, and returns its exit code and how long it took.
func (s *server) terminate(t *testing.T) (code int, took time.Duration) {
	t.Helper()
	asked := time.Now()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	return s.ended(t), time.Since(asked)
}

// freeAddress returns an address that a server can listen on, also again after a crash: its port is below the
// system's range for outgoing connections.
func freeAddress(t *testing.T) string {
	t.Helper()
	const first, ports, attempts = 20000, 10000, 100
	for range attempts {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(ports)))
		var listen net.ListenConfig
		if l, err := listen.Listen(t.Context(), "tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

// mint signs a token.
func mint(t *testing.T, g auth.Grant) string {
	t.Helper()
	token, err := auth.Mint(secret, g)
	require.NoError(t, err)
	return token
}

// user is a token for a user without roles or permissions.
func user(t *testing.T, subject string) string {
	t.Helper()
	return mint(t, auth.Grant{Subject: subject})
}

// admin is a token for an administrator.
func admin(t *testing.T) string {
	t.Helper()
	return mint(t, auth.Grant{Subject: "root", Roles: []string{"Admin"}})
}

// request makes a request on its own connection; status 0 means that there was no answer.
func request(t *testing.T, method, url, token, body string, headers ...string) (status int, answer response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		var network net.Error
		require.True(t, errors.As(err, &network) || errors.Is(err, io.EOF), err)
		return 0, response{}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, response{}
	}
	return res.StatusCode, response{res.Header, string(raw)}
}

// response is the answer to a request, without the status.
type response struct {
	header http.Header
	body   string
}

// decode returns the body as JSON.
func (r response) decode(t *testing.T) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &fields), r.body)
	return fields
}
