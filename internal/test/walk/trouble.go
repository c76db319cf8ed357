package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// lose ends each node in turn, publishes without it, and starts it again.
func (p *platform) lose(signal syscall.Signal) error {
	for i := range p.nodes {
		if err := p.nodes[i].end(signal); err != nil {
			return err
		}
		if p.public != p.address(i) {
			if err := p.published(); err != nil {
				return err
			}
		}
		if err := p.serve(i); err != nil {
			return err
		}
		if err := p.published(); err != nil {
			return err
		}
	}
	return nil
}

// rotate adds a secret in front of the one that there is, restarts the nodes one after another, and takes the old one away.
func (p *platform) rotate() error {
	if !p.has(keysFile) {
		return leftOut("there are no secrets files in this release")
	}
	old, err := os.ReadFile(p.secrets)
	if err != nil {
		return err
	}
	before, err := p.token()
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.secrets, append([]byte(secret()+"\n"), old...), 0o600); err != nil {
		return err
	}
	for i := range p.nodes {
		if err := errors.Join(p.nodes[i].end(syscall.SIGTERM), p.serve(i)); err != nil {
			return err
		}
	}
	after, err := p.token()
	if err != nil {
		return err
	}
	for i := range p.nodes {
		for name, token := range map[string]string{"old": before, "new": after} {
			if status := p.request(http.MethodPost, p.address(i)+"/hubs/customer-orders/negotiate?negotiateVersion=1", token); status != http.StatusOK {
				return fmt.Errorf("a token of the %s secret is answered %d", name, status)
			}
		}
	}
	return p.published()
}

// mend has a hundred events die that no check has seen, and mends them.
func (p *platform) mend() error {
	const letters = 100
	if _, err := p.shell("", fmt.Sprintf(`psql "$HERALD_DATABASE_URL" -v ON_ERROR_STOP=1 -qc "SET session_replication_role = replica; `+
		`INSERT INTO herald.outbox (event_type, resource_id, restaurant_id, customer_id, payload) `+
		`SELECT 'OrderPlaced', gen_random_uuid(), gen_random_uuid(), '%s', '{\"status\": \"Placed\"}' FROM generate_series(1, %d)"`, customer, letters),
		p.settings...); err != nil {
		return err
	}
	var ids []string
	err := eventually("a hundred dead letters", func() bool {
		output, err := p.try("", "herald dead list --json --limit 1000", p.settings...)
		ids = nil
		for line := range strings.Lines(output) {
			var letter struct{ EventID string }
			if json.Unmarshal([]byte(line), &letter) == nil && letter.EventID != "" {
				ids = append(ids, letter.EventID)
			}
		}
		return err == nil && len(ids) == letters
	})
	if err != nil {
		return err
	}
	if !p.has("internal/cli/dead_mend.go") {
		if _, err := p.shell("", "herald dead drop --all", p.settings...); err != nil {
			return err
		}
		return leftOut("there is no `herald dead mend` in this release; they were dropped")
	}
	if _, err := p.shell("", "herald dead mend "+strings.Join(ids, " ")+` --merge '{"orderNumber": "YZ-1024"}'`, p.settings...); err != nil {
		return err
	}
	for _, id := range []string{ids[0], ids[letters-1]} {
		if err := p.traced(id); err != nil {
			return err
		}
	}
	return eventually("no dead letter", func() bool {
		output, err := p.try("", "herald dead list", p.settings...)
		return err == nil && !regexp.MustCompile(`[0-9a-f]{8}-`).MatchString(output)
	})
}

// restore dumps the database while it is used, restores it on another machine's PostgreSQL, and does what Herald says.
func (p *platform) restore() error {
	other, err := p.postgres("restored")
	if err != nil {
		return err
	}
	// The owner's role is there already, which psql tells and passes over; from then on it has the password that it had.
	if _, err := p.shell("", `pg_dumpall --roles-only -d "$HERALD_DATABASE_URL" | psql -q "$RESTORED"`, append(slices.Clone(p.settings), "RESTORED="+other)...); err != nil {
		return err
	}
	if other, err = withLoginOf(other, p.database); err != nil {
		return err
	}
	dump := filepath.Join(p.dir, "dump")
	for _, command := range []string{
		`pg_dump -Fc -f ` + dump + ` "$HERALD_DATABASE_URL"`,
		`pg_restore -d "$RESTORED" ` + dump,
	} {
		if _, err := p.shell("", command, append(slices.Clone(p.settings), "RESTORED="+other)...); err != nil {
			return err
		}
	}
	for i := range p.nodes {
		if err := p.nodes[i].end(syscall.SIGTERM); err != nil {
			return err
		}
	}
	p.settings[0] = "HERALD_DATABASE_URL=" + other
	p.database, p.service = other, asOrderService(other)
	refusing, err := p.start("", "herald serve", append(slices.Clone(p.settings), "HERALD_LISTEN="+strings.TrimPrefix(p.address(0), "http://"))...)
	if err != nil {
		return err
	}
	said, _, err := refusing.await(0, "herald migrate reseed")
	if err != nil {
		return err
	}
	// Nodes that were dumped with it may be believed to live for a moment.
	var output string
	if err := eventually("`"+said[0]+"` to begin", func() bool {
		output, err = p.try("", said[0], p.settings...)
		return err == nil || !strings.Contains(output, "nodes are running")
	}); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("`%s`: %w\n%s", said[0], err, output)
	}
	for i := range p.nodes {
		if err := p.serve(i); err != nil {
			return err
		}
	}
	return p.published()
}

// withLoginOf is a database's URL with another one's user and password.
func withLoginOf(database, login string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	of, err := url.Parse(login)
	if err != nil {
		return "", err
	}
	u.User = of.User
	return u.String(), nil
}
