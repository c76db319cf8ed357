package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The names in a cluster's home.
const (
	dataDir      = "data"
	newDataDir   = "data.new" // initdb's result until it is complete
	socketDir    = "socket"
	binariesDir  = "binaries" // downloaded server binaries, by major version
	passwordFile = "password"
	portFile     = "port"
	logFile      = "postgres.log"
	lockFile     = "lock"
)

const (
	homeDir = "postgres" // under the data directory
	// locationFile, under the data directory, holds the path of a home that lies elsewhere.
	locationFile = "postgres.location"
	// elsewhereDefault is where a home goes when the server's user cannot enter the data directory.
	elsewhereDefault = "/var/lib/herald"
)

// home is the directory that holds a cluster and Herald's files about it. It belongs to the user that runs Herald.
// Only the data and the socket directory inside belong to the server's account, so that this account cannot lead
// root's writes astray.
type home struct{ dir string }

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// locate finds or makes the home of config's cluster. Where Herald runs as root and the server's account cannot
// enter the data directory (it lies below /root, say), the home goes to [elsewhereDefault], under a random name, and
// the data directory keeps its path. The name is random so that deleting the data directory means a fresh start.
func locate(ctx context.Context, config ClusterConfig) (home, account, error) {
	base, err := filepath.Abs(config.DataDir)
	if err != nil {
		return home{}, account{}, fmt.Errorf("data directory %q: %w", config.DataDir, err)
	}
	if err := makeDir(base); err != nil {
		return home{}, account{}, fmt.Errorf("making the data directory: %w", err)
	}
	h, known, err := knownHome(base)
	if err != nil {
		return home{}, account{}, err
	}
	owner, err := accountFor(h.dir)
	if err != nil {
		return home{}, account{}, err
	}
	if err := makeDir(h.dir); err != nil {
		return home{}, account{}, fmt.Errorf("making the cluster's directory: %w", err)
	}
	enters, err := owner.canEnter(ctx, h.dir)
	switch {
	case err != nil:
		return home{}, account{}, err
	case enters:
		return h, owner, nil
	case known:
		return home{}, account{}, fmt.Errorf("user %s, whom the database runs as, cannot enter %s: "+
			"let it through, or choose another HERALD_DATA_DIR", owner.name, h.dir)
	}
	_ = os.Remove(h.dir) // empty: it would only look like the cluster
	if h, err = moveAway(base, config.elsewhere); err != nil {
		return home{}, account{}, err
	}
	if enters, err = owner.canEnter(ctx, h.dir); err != nil || !enters {
		return home{}, account{},
			errors.Join(err, fmt.Errorf("user %s, whom the database runs as, can enter neither %s nor %s: "+
				"choose another HERALD_DATA_DIR", owner.name, base, h.dir))
	}
	config.Logger.InfoContext(ctx, "the database's user cannot enter the data directory, so the cluster lies elsewhere",
		slog.String("user", owner.name), slog.String("data_dir", base), slog.String("location", h.dir))
	return h, owner, nil
}

// knownHome returns the home of the data directory base, and whether it already holds a cluster.
func knownHome(base string) (h home, known bool, err error) {
	location, err := os.ReadFile(filepath.Join(base, locationFile))
	switch {
	case err == nil:
		return home{strings.TrimSpace(string(location))}, true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return home{}, false, fmt.Errorf("reading where the cluster lies: %w", err)
	}
	h = home{filepath.Join(base, homeDir)}
	_, err = os.Stat(h.path(dataDir))
	return h, err == nil, nil
}

func moveAway(base, elsewhere string) (home, error) {
	if err := makeDir(elsewhere); err != nil {
		return home{}, fmt.Errorf("making a directory for the cluster: %w", err)
	}
	dir, err := os.MkdirTemp(elsewhere, "cluster-")
	if err != nil {
		return home{}, fmt.Errorf("making a directory for the cluster: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's user passes through it; what it holds is 0700 and 0600
		return home{}, fmt.Errorf("opening %s to the server's user: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(base, locationFile), []byte(dir+"\n"), 0o600); err != nil {
		return home{}, fmt.Errorf("noting where the cluster lies: %w", err)
	}
	return home{dir}, nil
}

// makeDir makes a directory and those above it: passable for others where root makes them, private otherwise. What
// exists stays as it is.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && os.Geteuid() == 0 { // the umask does not affect a chmod
		err = os.Chmod(dir, 0o755) //nolint:gosec // the server's user passes through it; what it holds is 0700 and 0600
	}
	return err //nolint:wrapcheck // names the path, and every caller adds what it was for
}

// acquire takes the lock that says that a living process runs this cluster.
func (h home) acquire() (*os.File, error) {
	f, err := os.OpenFile(h.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the cluster's lock: %w (does %s belong to another user?)", err, h.dir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(h.path(lockFile))
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w (process %s)", h.dir, ErrClusterInUse, strings.TrimSpace(string(holder)))
	}
	if err := os.WriteFile(h.path(lockFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("writing the cluster's lock: %w", err)
	}
	return f, nil
}

// dataVersion returns the major version that made the data, or 0 where there is none yet.
func (h home) dataVersion() (int, error) {
	text, err := os.ReadFile(filepath.Join(h.path(dataDir), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the data's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("reading the data's version in %s: %w", h.path(dataDir), err)
	}
	return major, nil
}

// readPassword returns the cluster's password. The first call makes it.
func (h home) readPassword() (string, error) {
	text, err := os.ReadFile(h.path(passwordFile))
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the cluster's password: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(h.path(passwordFile), []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the cluster's password: %w", err)
	}
	return password, nil
}
