package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The supported major versions of PostgreSQL.
const (
	OldestVersion = 15
	NewestVersion = 18
)

// versionTimeout bounds `postgres --version`.
const versionTimeout = 10 * time.Second

// errNoBinaries says that no supported server binaries were found.
var errNoBinaries = errors.New("no PostgreSQL server binaries found")

// binaries is a directory with postgres and initdb.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// usualPlaces lists where packages put server binaries that are not on PATH: Debian, PGDG's RPMs, Alpine, Homebrew,
// Postgres.app.
func usualPlaces() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

// findBinaries returns binaries of the given major version, or of any supported one where major is 0. Places are
// patterns of directories; earlier lists come first, and within a list the newest version. It returns errNoBinaries
// where there are none.
func findBinaries(ctx context.Context, places [][]string, major int) (binaries, error) {
	fits := func(b binaries) bool {
		return (major == 0 || b.major == major) && b.major >= OldestVersion && b.major <= NewestVersion
	}
	for _, patterns := range places {
		var found []binaries
		for _, pattern := range patterns {
			dirs, _ := filepath.Glob(pattern) // a malformed one finds nothing
			for _, dir := range dirs {
				if b, err := inspect(ctx, dir); err == nil && fits(b) {
					found = append(found, b)
				}
			}
		}
		if len(found) > 0 {
			return slices.MaxFunc(found, func(a, b binaries) int { return a.major - b.major }), nil
		}
	}
	return binaries{}, errNoBinaries
}

func namedBinaries(ctx context.Context, binDir string, major int) (binaries, error) {
	dir, err := filepath.Abs(binDir)
	if err != nil {
		return binaries{}, fmt.Errorf("HERALD_POSTGRES_BIN %q: %w", binDir, err)
	}
	b, err := inspect(ctx, dir)
	if err != nil { // the setting may name the installation's root
		var inner error
		if b, inner = inspect(ctx, filepath.Join(dir, "bin")); inner != nil {
			return binaries{}, fmt.Errorf("HERALD_POSTGRES_BIN has no PostgreSQL server binaries: %w", err)
		}
	}
	if b.major < OldestVersion || b.major > NewestVersion {
		return binaries{}, fmt.Errorf("HERALD_POSTGRES_BIN %s holds PostgreSQL %d; %d to %d are supported",
			b.dir, b.major, OldestVersion, NewestVersion)
	}
	if major != 0 && b.major != major {
		return binaries{}, fmt.Errorf("HERALD_POSTGRES_BIN %s holds PostgreSQL %d, but the data was made by %d: "+
			"name binaries of that version, or choose another HERALD_DATA_DIR", b.dir, b.major, major)
	}
	return b, nil
}

// inspect returns the binaries in dir, which need not be of a supported version.
func inspect(ctx context.Context, dir string) (binaries, error) {
	for _, program := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return binaries{}, err //nolint:wrapcheck // names the path, and every caller adds what it was for
		}
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres --version: %w", dir, err)
	}
	major, err := parseVersion(string(out))
	if err != nil {
		return binaries{}, fmt.Errorf("%s/postgres --version: %w", dir, err)
	}
	return binaries{dir: dir, major: major}, nil
}

// parseVersion reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "… 18beta1".
func parseVersion(text string) (int, error) {
	_, version, ok := strings.Cut(text, "(PostgreSQL) ")
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if !ok || digits <= 0 {
		return 0, fmt.Errorf("cannot read a version from %q", text)
	}
	return strconv.Atoi(version[:digits]) //nolint:wrapcheck // cannot fail on digits but by overflow
}

// usableBy fails where the account cannot run the binaries.
func (b binaries) usableBy(ctx context.Context, a account) error {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	if err := a.command(ctx, "/", b.path("postgres"), "--version").Run(); err != nil {
		return fmt.Errorf("user %s, whom the database runs as, cannot run %s: %w", a.name, b.path("postgres"), err)
	}
	return nil
}
