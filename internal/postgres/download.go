package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// findOrDownload returns the binaries for data of the given major version (0: none yet): from the configured
// directory, else from places, else those that were downloaded before, else it downloads them.
func (c *Cluster) findOrDownload(ctx context.Context, places [][]string, major int) (binaries, error) {
	if c.config.BinDir != "" {
		return namedBinaries(ctx, c.config.BinDir, major)
	}
	downloaded := filepath.Join(c.home.path(binariesDir), "*", "bin")
	b, err := findBinaries(ctx, append(places, []string{downloaded}), major)
	if !errors.Is(err, errNoBinaries) {
		return b, err
	}
	c.config.Logger.InfoContext(ctx, "no PostgreSQL server on this machine, downloading one",
		slog.String("from", c.config.Repository))
	if b, err = c.download(ctx, major); err != nil {
		made := ""
		if major != 0 {
			made = fmt.Sprintf(" (the data was made by PostgreSQL %d)", major)
		}
		return binaries{},
			fmt.Errorf("no PostgreSQL %d to %d server found on this machine%s and none could be downloaded: %w; "+
				"install PostgreSQL, set HERALD_POSTGRES_BIN to the directory of its server binaries, or set HERALD_DATABASE_URL",
				OldestVersion, NewestVersion, made, err)
	}
	return b, nil
}

func (c *Cluster) download(ctx context.Context, major int) (binaries, error) {
	versions := map[int]embedded.PostgresVersion{
		0: embedded.V18, 15: embedded.V15, 16: embedded.V16, 17: embedded.V17,
		18: embedded.V18,
	}
	version, ok := versions[major]
	if !ok {
		return binaries{}, fmt.Errorf("PostgreSQL %d is not supported", major)
	}
	if major == 0 {
		major = NewestVersion
	}
	scratch, err := os.MkdirTemp(c.home.dir, "download-")
	if err != nil {
		return binaries{}, fmt.Errorf("making a directory for the download: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	port, err := freePort()
	if err != nil {
		return binaries{}, err
	}
	target := filepath.Join(c.home.path(binariesDir), strconv.Itoa(major))
	// The module can only download as part of a start. A start is not wanted here (this package starts the server
	// itself) and not possible for root. The encoding does not exist, so initdb refuses it and Start ends after the
	// download.
	downloader := embedded.NewDatabase(embedded.DefaultConfig().
		Version(version).
		BinaryRepositoryURL(c.config.Repository).
		Port(uint32(port)). //nolint:gosec // a port has 16 bits
		CachePath(filepath.Join(scratch, "cache")).
		RuntimePath(filepath.Join(scratch, "runtime")).
		DataPath(filepath.Join(scratch, "data")).
		BinariesPath(target).
		Encoding("none; only the binaries are wanted").
		Logger(io.Discard))
	ended := make(chan error, 1)
	go func() { ended <- downloader.Start() }()
	select {
	case err = <-ended:
	case <-ctx.Done(): // the module's download cannot be cancelled; it ends with the process
		return binaries{}, context.Cause(ctx)
	}
	if _, missing := os.Stat(filepath.Join(target, "bin", "postgres")); missing != nil {
		return binaries{}, errors.Join(err, missing)
	}
	if err := openToAll(target); err != nil {
		return binaries{}, err
	}
	return inspect(ctx, filepath.Join(target, "bin"))
}

// openToAll lets every user read and run the tree: another account than the server's unpacked it, and the umask may
// be strict.
func openToAll(tree string) error {
	err := filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err //nolint:wrapcheck // wrapped below, once for the tree
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(name, mode) //nolint:gosec // only this account can write to the tree
	})
	if err != nil {
		return fmt.Errorf("opening the downloaded binaries to the server's user: %w", err)
	}
	return nil
}
