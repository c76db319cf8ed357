package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	functionsDir   = "functions"
	typesFile      = functionsDir + "/event_types.txt"
	functionsTable = Schema + ".function_set"
)

// Functions is the set of SQL functions that a release brings.
type Functions struct {
	// Version is the sum of the versions of the files: it rises with every change of a file. 0: there are none.
	Version int
	// Checksum covers all that is executed.
	Checksum string

	sql string
}

// versionLine begins every file of the set: its version, and the checksum of the rest, which a test compares.
var versionLine = regexp.MustCompile(`^(?:--|#) version ([0-9]+), checksum ([0-9a-f]+)\n`)

// placeholder stands in a function for a list of event_types.txt.
var placeholder = regexp.MustCompile(`@([a-z_]+)@`)

// ReadFunctions reads the functions that stand beside the migrations, in the order of their names.
func ReadFunctions(files fs.FS) (Functions, error) {
	names, err := fs.Glob(files, functionsDir+"/*.sql")
	if err != nil || len(names) == 0 {
		return Functions{}, err //nolint:wrapcheck // a pattern is never malformed
	}
	types, err := fs.ReadFile(files, typesFile)
	if err != nil {
		return Functions{}, fmt.Errorf("reading the event types: %w", err)
	}
	set := Functions{}
	if set.Version, types, err = cutVersion(typesFile, types); err != nil {
		return Functions{}, err
	}
	lists := eventTypes(types)
	var sql strings.Builder
	for _, name := range names {
		file, err := fs.ReadFile(files, name)
		if err != nil {
			return Functions{}, fmt.Errorf("reading the functions: %w", err)
		}
		version, body, err := cutVersion(name, file)
		if err != nil {
			return Functions{}, err
		}
		set.Version += version
		body = placeholder.ReplaceAllFunc(body, func(found []byte) []byte {
			list, ok := lists[string(bytes.Trim(found, "@"))]
			if !ok {
				err = errors.Join(err, fmt.Errorf("%s: %s has no list %s", name, path.Base(typesFile), found))
			}
			return []byte(list)
		})
		if err != nil {
			return Functions{}, err
		}
		sql.Write(body)
	}
	set.sql = sql.String()
	sum := sha256.Sum256([]byte(set.sql))
	set.Checksum = hex.EncodeToString(sum[:])
	return set, nil
}

// functionsVersion is only the version of [ReadFunctions], from the files' first lines: every readiness check asks
// for it.
func functionsVersion(files fs.FS) (sum int, err error) {
	names, err := fs.Glob(files, functionsDir+"/*")
	if err != nil {
		return 0, err //nolint:wrapcheck // a pattern is never malformed
	}
	for _, name := range names {
		line, err := firstLine(files, name)
		if err != nil {
			return 0, err
		}
		version, _, err := cutVersion(name, line)
		if err != nil {
			return 0, err
		}
		sum += version
	}
	return sum, nil
}

func firstLine(files fs.FS, name string) ([]byte, error) {
	const longest = 64
	file, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the functions: %w", err)
	}
	defer func() { _ = file.Close() }()
	line := make([]byte, longest)
	n, err := io.ReadFull(file, line)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the functions: %w", err)
	}
	return line[:n], nil
}

// cutVersion returns the version of a file and the rest of the file.
func cutVersion(name string, file []byte) (version int, rest []byte, err error) {
	line := versionLine.FindSubmatch(file)
	if line == nil {
		return 0, nil, fmt.Errorf("%s does not begin with its version", name)
	}
	version, err = strconv.Atoi(string(line[1]))
	if err != nil {
		return 0, nil, fmt.Errorf("the version of %s: %w", name, err)
	}
	return version, file[len(line[0]):], nil
}

// eventTypes reads lines of the form "order_types = OrderPlaced,OrderPaymentSucceeded".
func eventTypes(file []byte) map[string]string {
	lists := map[string]string{}
	for line := range strings.Lines(string(file)) {
		if name, list, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			lists[strings.TrimSpace(name)] = strings.TrimSpace(list)
		}
	}
	return lists
}

// applyFunctions applies the set in one transaction, unless the database has it or a newer one. It returns what it
// applied.
func applyFunctions(ctx context.Context, pool *pgxpool.Pool, set Functions, logger *slog.Logger) ([]Migration, error) {
	if set.Version == 0 {
		return nil, nil
	}
	start := time.Now()
	var has Functions
	err := pool.QueryRow(ctx, "SELECT version, checksum FROM "+functionsTable).Scan(&has.Version, &has.Checksum)
	switch {
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("reading which functions the database has: %w", err)
	case has.Version > set.Version:
		logger.InfoContext(ctx, "the database has the functions of a newer release, which stay",
			slog.Int("version", has.Version), slog.Int("own_version", set.Version))
		return nil, nil
	case has.Version == set.Version && has.Checksum == set.Checksum:
		return nil, nil
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, set.sql); err != nil {
			return err //nolint:wrapcheck // below
		}
		if err := closeFunctions(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO "+functionsTable+` (version, checksum) VALUES ($1, $2) ON CONFLICT (singleton)
			DO UPDATE SET version = excluded.version, checksum = excluded.checksum, applied_at = excluded.applied_at`,
			set.Version, set.Checksum)
		return err //nolint:wrapcheck // below
	})
	if err != nil {
		return nil, fmt.Errorf("applying Herald's functions: %w", err)
	}
	m := functionsMigration(set.Version)
	m.Applied, m.AppliedAt = true, time.Now()
	logApplied(ctx, logger, m, time.Since(start))
	return []Migration{m}, nil
}

// functionsMigration is a set of functions as a step of the schema.
func functionsMigration(version int) Migration {
	return Migration{Line: FunctionsLine, Version: int64(version), Name: functionsDir}
}

// closeFunctions revokes from all roles what PostgreSQL grants to all: executing a new function. The functions that
// producers call are granted to their role one by one.
func closeFunctions(ctx context.Context, db execer) error {
	if _, err := db.Exec(ctx, "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA "+Schema+" FROM PUBLIC"); err != nil {
		return fmt.Errorf("closing the functions of the schema %s: %w", Schema, err)
	}
	return nil
}

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}
