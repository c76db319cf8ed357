package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres"
)

// platform is what an operator runs.
type platform struct {
	*walk

	clusters []*postgres.Cluster
	database string // the owner's URL
	service  string // the order service's
	secrets  string // a file, the newest first
	settings []string
	nodes    [2]*process
	public   string // what clients are told: nginx, or the first node
	order    uuid.UUID
	follower *process
	seen     int // events of the order that were published
}

// keysFile reads files of several secrets.
const keysFile = "internal/auth/keys_file.go"

const customer = "customer-1"

// operating is what backend developers and operators do.
func (w *walk) operating() {
	p := &platform{walk: w, order: uuid.New(), secrets: filepath.Join(w.dir, "secrets")}
	defer func() {
		w.stopAll()
		for _, cluster := range p.clusters {
			_ = cluster.Stop(context.WithoutCancel(w.ctx))
		}
	}()
	w.step("a PostgreSQL of one's own, `migrate up` and `check`", func() (err error) {
		if p.database, err = p.postgres("postgres"); err != nil {
			return err
		}
		return p.prepare()
	})
	w.step("two nodes", func() error {
		for i := range p.nodes {
			if err := p.serve(i); err != nil {
				return err
			}
		}
		p.public = p.address(0)
		return nil
	})
	w.step("nginx in front of them, as it is shipped", p.nginx)
	w.step("producers in psql, Go, Node.js and Python, as their own role", p.producers)
	w.step("a client follows an order", p.follow)
	w.step("each node is killed in turn", func() error { return p.lose(syscall.SIGKILL) })
	w.step("each node is drained in turn", func() error { return p.lose(syscall.SIGTERM) })
	w.step("the key is changed in a rolling restart", p.rotate)
	w.step("a hundred dead letters are mended", p.mend)
	w.step("a dump is restored, and Herald goes on in it", p.restore)
	w.step("`check` finds nothing wrong", func() error { return p.check() })
}

// postgres starts a PostgreSQL and returns its owner's URL.
func (p *platform) postgres(name string) (string, error) {
	cluster, err := postgres.StartCluster(p.ctx, postgres.ClusterConfig{
		DataDir: filepath.Join(p.dir, name), Disposable: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	p.clusters = append(p.clusters, cluster)
	return cluster.DSN(), nil
}

// prepare follows "Run it".
func (p *platform) prepare() error {
	first := secret()
	if err := os.WriteFile(p.secrets, []byte(first+"\n"), 0o600); err != nil {
		return err
	}
	p.settings = []string{"HERALD_DATABASE_URL=" + p.database, "HERALD_JWT_SECRET=" + first, "HERALD_FEATURE_TEAMCART=true"}
	if p.has(keysFile) {
		p.settings[1] = "HERALD_JWT_SECRET_FILE=" + p.secrets
	}
	if !p.has("bin/herald") {
		if _, err := p.shell("", "make build"); err != nil {
			return err
		}
	}
	for _, begins := range []string{"herald migrate up", "herald check"} {
		command, err := p.readme(begins)
		if err != nil {
			return err
		}
		if _, err := p.shell("", command, p.settings...); err != nil {
			return err
		}
	}
	return nil
}

func secret() string { return "walk-" + uuid.NewString() + uuid.NewString() }

func (p *platform) address(node int) string { return fmt.Sprintf("http://127.0.0.1:%d", p.port+node) }

// serve starts a node.
func (p *platform) serve(node int) (err error) {
	command, err := p.readme("herald serve")
	if err != nil {
		return err
	}
	listen := strings.TrimPrefix(p.address(node), "http://")
	p.nodes[node], err = p.start("", command, append(slices.Clone(p.settings), "HERALD_LISTEN="+listen, "HERALD_TRUSTED_PROXIES=127.0.0.1/32")...)
	if err != nil {
		return err
	}
	return p.ready(node)
}

func (p *platform) ready(node int) error {
	return eventually("a node that is ready", func() bool { return p.get(p.address(node)+"/readyz", "") == http.StatusOK })
}

// get returns a request's status, or 0.
func (p *platform) get(address, token string) int { return p.request(http.MethodGet, address, token) }

func (p *platform) request(method, address, token string) int {
	r, err := http.NewRequestWithContext(p.ctx, method, address, http.NoBody)
	if err != nil {
		return 0
	}
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// nginx runs the shipped file with ports and logs of the walk's own.
func (p *platform) nginx() error {
	const shipped = "deploy/nginx/herald.conf"
	if !p.has(shipped) {
		return leftOut("there is no " + shipped)
	}
	binary := installed("nginx", "/usr/sbin/nginx")
	if binary == "" {
		return leftOut("there is no nginx on this machine")
	}
	text, err := os.ReadFile(filepath.Join(p.clone, shipped))
	if err != nil {
		return err
	}
	dir := filepath.Join(p.dir, "nginx")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", p.port+len(p.nodes))
	conf := strings.NewReplacer("listen 80;", "listen "+listen+";", "/var/log/nginx/", dir+"/",
		":5006 ", fmt.Sprintf(":%d ", p.port), ":5007 ", fmt.Sprintf(":%d ", p.port+1)).Replace(string(text))
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	main := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\n%s%s}\n", dir, &paths, conf)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(main), 0o600); err != nil {
		return err
	}
	if _, err := p.start("", binary+" -e stderr -p "+dir+" -c "+dir+"/nginx.conf"); err != nil {
		return err
	}
	p.public = "http://" + listen
	return eventually("nginx", func() bool { return p.get(p.public+"/", "") != 0 })
}

func (p *platform) check() error {
	output, err := p.shell("", "herald check", p.settings...)
	if err == nil && strings.Contains(output, "FAIL") {
		return errors.New(output)
	}
	return err
}
