package e2e_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/test/child"
)

const nginxFile = "../../../deploy/nginx/herald.conf"

// unprivileged is the user of nginx where root tests: nobody.
const unprivileged = 65534

// proxy is a test's own nginx, with the shipped file.
type proxy struct {
	url  string
	dir  string
	log  *record[string] // nginx's own errors
	done <-chan struct{}
}

// nginx returns the path of nginx. Without nginx the test is skipped: `make test` says so at its end.
func nginx(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no nginx on this machine")
	return ""
}

// rendering is the part of the shipped file that a test may change: the addresses of nginx and the nodes, its logs,
// and TLS.
type rendering struct {
	nodes             []string // addresses
	certFile, keyFile string   // empty: no TLS
}

// startNginx runs nginx as an unprivileged process until the test ends.
func startNginx(t *testing.T, r rendering) *proxy {
	t.Helper()
	binary := nginx(t)
	dir, err := os.MkdirTemp("", "herald-nginx-") //nolint:usetesting // nobody else may look into t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &proxy{dir: dir, log: &record[string]{}, url: "http://" + freeAddress(t)}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "herald.conf"), []byte(r.render(t, p)), 0o600))
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "  %s_temp_path %s/%s;\n", kind, dir, kind)
	}
	// One process, so that ending it ends all of it.
	main := fmt.Sprintf(
		"daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\n%s  include %s/herald.conf;\n}\n",
		dir, &paths, dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(main), 0o600))

	cmd := exec.CommandContext(
		context.WithoutCancel(t.Context()), binary, "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"),
	)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		for _, file := range append(files, dir) {
			require.NoError(t, os.Chown(file, unprivileged, unprivileged))
		}
	}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	p.done, err = child.Start(cmd, func() { child.ReadLines(stderr, p.log.add) })
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
		if t.Failed() {
			lines, _ := p.log.all()
			t.Logf("nginx:\n%s\n%s", tail(lines), p.logged(t))
		}
	})
	by := &http.Client{Transport: &http.Transport{
		// the only question is whether it answers
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	require.True(t, eventually(func() bool {
		response, err := by.Get(p.url + "/") //nolint:noctx // on this machine
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return true
	}), "nginx does not answer")
	return p
}

// render is the shipped file with other ports, log paths and certificate, and no other change.
func (r rendering) render(t *testing.T, p *proxy) string {
	t.Helper()
	text, err := os.ReadFile(nginxFile)
	require.NoError(t, err)
	conf := string(text)
	replace := func(old, with string) {
		require.Contains(t, conf, old)
		conf = strings.ReplaceAll(conf, old, with)
	}
	listen := strings.TrimPrefix(p.url, "http://")
	if r.certFile != "" {
		replace("    listen 80;\n", "")
		replace("#tls listen 443 ", "#tls listen "+listen+" ")
		for setting, file := range map[string]string{
			"/etc/nginx/herald.pem": r.certFile, "/etc/nginx/herald.key": r.keyFile,
		} {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			copied := filepath.Join(p.dir, filepath.Base(setting))
			require.NoError(t, os.WriteFile(copied, content, 0o600))
			replace(setting, copied)
		}
		replace("#tls ", "")
		p.url = "https://" + listen
	} else {
		replace("listen 80;", "listen "+listen+";")
	}
	const first, second = "    server 127.0.0.1:5006", "    server 127.0.0.1:5007"
	lines := strings.SplitAfter(conf, "\n")
	var rendered strings.Builder
	for _, line := range lines {
		switch rest, ok := strings.CutPrefix(line, first); {
		case ok:
			for _, node := range r.nodes {
				rendered.WriteString("    server " + node + rest)
			}
		case !strings.HasPrefix(line, second):
			rendered.WriteString(line)
		}
	}
	conf = rendered.String()
	replace("/var/log/nginx/", p.dir+"/")
	return conf
}

// logged is the content of nginx's logs.
func (p *proxy) logged(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"herald.log", "herald-error.log"} {
		text, err := os.ReadFile(filepath.Join(p.dir, name))
		require.NoError(t, err)
		all.Write(text)
	}
	lines, _ := p.log.all()
	return all.String() + strings.Join(lines, "\n")
}

// addressesOf are the nodes' addresses.
func addressesOf(nodes ...*server) (addresses []string) {
	for _, node := range nodes {
		addresses = append(addresses, strings.TrimPrefix(node.url, "http://"))
	}
	return addresses
}
