package pgtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/yummyzoom/herald/internal/postgres"
	"github.com/yummyzoom/herald/migrations"
)

const (
	dirPattern = "herald-pgtest-"
	template   = "herald_template"

	// startingFor is the age up to which a lock that is not held may be about to be taken.
	startingFor = time.Minute
)

// shared is the test process's server. TestMain and the tests have no other way to share it.
var shared server

// server is a cluster with a migrated template, started when it is first asked for.
type server struct {
	mu      sync.Mutex
	dir     string
	cluster *postgres.Cluster
	err     error // why there is none
	copying sync.Mutex
}

func (s *server) get(ctx context.Context) (*postgres.Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil && s.err == nil {
		s.err = s.start(context.WithoutCancel(ctx)) // the server outlives the first test that asks
	}
	return s.cluster, s.err
}

func (s *server) start(ctx context.Context) (err error) {
	clearAway()
	if s.dir, err = makeDir(); err != nil {
		return err
	}
	if s.cluster, err = startCluster(ctx, s.dir, nil); err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	return makeTemplate(ctx, s.cluster)
}

func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		return nil
	}
	return errors.Join(s.cluster.Stop(ctx), os.RemoveAll(s.dir))
}

func startCluster(ctx context.Context, dir string, settings map[string]string) (*postgres.Cluster, error) {
	return postgres.StartCluster(ctx, postgres.ClusterConfig{
		DataDir:    dir,
		BinDir:     os.Getenv("HERALD_POSTGRES_BIN"),
		Settings:   settings,
		Disposable: true,
		Logger:     slog.New(slog.DiscardHandler),
	})
}

// makeDir makes a directory for a cluster, which the user that the server runs as can enter.
func makeDir() (string, error) {
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return "", fmt.Errorf("making a directory for the test database: %w", err)
	}
	return dir, os.Chmod(dir, 0o755)
}

// clearAway removes the directories of test processes that were killed: no process holds their lock.
func clearAway() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPattern+"*", "postgres", "lock"))
	for _, name := range locks {
		if info, err := os.Stat(name); err != nil || time.Since(info.ModTime()) < startingFor {
			continue
		}
		lock, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue // another user's, or just gone
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(filepath.Dir(name)))
		}
		_ = lock.Close()
	}
}

// makeTemplate migrates the database that the tests' databases are copies of.
func makeTemplate(ctx context.Context, cluster *postgres.Cluster) error {
	if err := execute(ctx, cluster, "CREATE DATABASE "+template); err != nil {
		return err
	}
	if Shadowed() {
		if err := shadow(ctx, cluster.DatabaseDSN(template), shadowsSQL,
			"ALTER ROLE CURRENT_USER SET search_path = "+shadowPath); err != nil {
			return err
		}
	}
	if Upgraded() {
		if err := restoreFixture(ctx, cluster, template); err != nil {
			return err
		}
	}
	pool, err := postgres.Open(ctx, cluster.DatabaseDSN(template), postgres.Options{Wait: -1})
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := postgres.Migrate(ctx, pool, migrations.FS, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if Upgraded() {
		return run(ctx, cluster.DatabaseDSN(template), emptiedSQL)
	}
	if Shadowed() {
		return shadow(ctx, cluster.DatabaseDSN(template), ownShadowsSQL)
	}
	return nil
}
