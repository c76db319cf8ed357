package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/internal/relay"
	"github.com/yummyzoom/herald/migrations"
)

const (
	checkLagRows    = 100_000
	checkLagSeconds = 10.0
	oldestSupported = 150000
	newestSupported = 189999
)

type checkCmd struct {
	existing
	Listen
	Auth
	Server

	SkipAudit bool `help:"Leave out the audit of all that is retained, which takes long for a large outbox."`
}

// findings prints one line a finding and remembers whether any is bad.
type findings struct {
	out io.Writer
	bad bool
}

func (f *findings) add(err error, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if err != nil {
		f.bad = true
		_, _ = fmt.Fprintf(f.out, "FAIL  %s: %v\n", what, err)
		return
	}
	_, _ = fmt.Fprintf(f.out, "ok    %s\n", what)
}

func (c *checkCmd) Run(ctx context.Context, parsed *kong.Context, logger *slog.Logger, s *streams) error {
	f := &findings{out: s.out}
	c.checkSettings(parsed.Model, f)
	c.checkAuth(ctx, f)
	pool, err := c.openToWrite(ctx, logger)
	f.add(err, "database reachable")
	if err == nil {
		defer pool.Close()
		if c.checkDatabase(ctx, pool, f) {
			c.checkRights(ctx, pool, f)
			c.checkSessions(ctx, pool, f)
			c.checkNames(ctx, pool, f)
			c.checkAudit(ctx, pool, f, logger, s.err)
		}
	}
	if f.bad {
		return errFindings
	}
	return nil
}

func (c *checkCmd) checkAuth(ctx context.Context, f *findings) {
	if !c.HasKey() {
		f.add(errNoKey, "tokens")
		return
	}
	cfg, err := auth.FromSettings(c.Auth)
	if err != nil {
		f.add(err, "tokens")
		return
	}
	verifier, err := auth.NewVerifier(ctx, cfg)
	if err != nil {
		f.add(err, "tokens")
		return
	}
	f.add(nil, "tokens: keys: %s", verifier.Keys())
}

// checkDatabase reports whether the database's version is this release's.
func (c *checkCmd) checkDatabase(ctx context.Context, pool *pgxpool.Pool, f *findings) (migrated bool) {
	var version int
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version)
	if err == nil && (version < oldestSupported || version > newestSupported) {
		err = errors.New("PostgreSQL 15 to 18 are supported")
	}
	f.add(err, "PostgreSQL %d.%d", version/10000, version%10000) //nolint:mnd // how PostgreSQL writes it
	err = postgres.CheckMigrated(ctx, pool, migrations.FS)
	f.add(err, "migrations")
	if err != nil {
		return false
	}
	f.add(relay.CheckEpoch(ctx, pool), "epoch")
	pausing, err := relay.ReadPausing(ctx, pool)
	if err == nil && pausing.Paused() {
		err = fmt.Errorf("paused since %s by %s: events wait until `herald relay resume`",
			moment(pausing.Since), oneLine(pausing.By))
	}
	f.add(err, "relay")
	lag, err := relay.ReadLag(ctx, pool, checkLagRows)
	if err == nil && lag.OldestSeconds > checkLagSeconds {
		err = fmt.Errorf("the oldest has waited for %s",
			time.Duration(lag.OldestSeconds*float64(time.Second)).Round(time.Second))
	}
	f.add(err, "outbox: %d rows wait", lag.Waiting)
	checkUndelivered(ctx, pool, f)
	checkStatistics(ctx, pool, f)
	c.checkClocks(ctx, pool, f)
	c.checkPeers(ctx, pool, f)
	checkDays(ctx, pool, f)
	c.checkFunction(ctx, pool, f)
	return true
}
