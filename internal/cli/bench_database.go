package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// benchDatabase is the database of a bench: the one that a flag names, else an embedded one of its own. A bench
// fills its database with events, so only a flag can name it: HERALD_DATABASE_URL may lead to real orders.
type benchDatabase struct {
	DatabaseURL string `placeholder:"URL" help:"Database that the bench fills with events, of the server that is measured. Without this flag, whatever HERALD_DATABASE_URL says, an embedded one and a server process are started."`
	PostgresBin string `env:"HERALD_POSTGRES_BIN" placeholder:"DIR" help:"Folder of the PostgreSQL server binaries."`
}

// startPostgres starts an embedded PostgreSQL for the bench unless a flag names a database.
func (c *benchDatabase) startPostgres(ctx context.Context, logger *slog.Logger, s *streams) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, stop := range slices.Backward(stops) {
			stop()
		}
	}
	if c.DatabaseURL != "" {
		return stop, nil
	}
	dir, err := os.MkdirTemp("", "herald-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the bench's database: %w", err)
	}
	stops = append(stops, func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, dataDirMode); err != nil {
		stop()
		return nil, fmt.Errorf("opening the bench's directory to the database's user: %w", err)
	}
	s.progress("starting a database and a server for the bench")
	if os.Getenv("HERALD_DATABASE_URL") != "" {
		s.progress("HERALD_DATABASE_URL is set and left alone: a bench fills its database with events, so only --database-url points it at one")
	}
	url, stopDatabase, err := database(ctx, Database{DataDir: filepath.Join(dir, "data"), PostgresBin: c.PostgresBin},
		logger)
	if err != nil {
		stop()
		return nil, err
	}
	stops = append(stops, stopDatabase)
	c.DatabaseURL = url
	return stop, nil
}

// startDatabase is startPostgres, and migrates the database.
func (c *benchDatabase) startDatabase(ctx context.Context, logger *slog.Logger, s *streams) (stop func(), err error) {
	stop, err = c.startPostgres(ctx, logger, s)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, c.DatabaseURL, Listen{}, 0, logger); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// fresh creates one more database beside the bench's, and migrates it. drop removes it.
func (c *benchDatabase) fresh(ctx context.Context, logger *slog.Logger) (dsn string, drop func(), err error) {
	name := "herald_bench_" + strings.ToLower(rand.Text())
	execute := func(ctx context.Context, sql string) error {
		conn, err := pgx.Connect(ctx, c.DatabaseURL)
		if err != nil {
			return fmt.Errorf("connecting to the database: %w", err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		return nil
	}
	if err := execute(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, err
	}
	drop = func() {
		dropping, cancel := context.WithTimeout(context.WithoutCancel(ctx), clusterStopTimeout)
		defer cancel()
		if err := execute(dropping, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			logger.WarnContext(dropping, "a database of the bench was left behind",
				slog.String("database", name), slog.Any("error", err))
		}
	}
	dsn = otherDatabase(c.DatabaseURL, name)
	// a line for each migration would hide the bench's lines
	if err := migrate(ctx, dsn, Listen{}, 0, slog.New(slog.DiscardHandler)); err != nil {
		drop()
		return "", nil, err
	}
	return dsn, drop, nil
}

// otherDatabase returns the connection string of another database of the same server. name needs no quoting.
func otherDatabase(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		u.Path = "/" + name
		query := u.Query()
		query.Del("dbname") // which would override the path
		u.RawQuery = query.Encode()
		return u.String()
	}
	return dsn + " dbname=" + name // the last dbname counts
}
