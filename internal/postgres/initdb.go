package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// initialize makes the data directory: UTF-8, sorted by code point, so that text sorts the same on every machine.
func (c *Cluster) initialize(ctx context.Context) error {
	c.config.Logger.InfoContext(ctx, "creating the embedded PostgreSQL's data",
		slog.Int("version", c.binaries.major), slog.String("location", c.home.dir))
	// The locale C.UTF-8 knows the letters of Unicode. Where it does not exist C does, which knows only those of ASCII.
	out, err := c.initdb(ctx, "C.UTF-8")
	if err != nil && strings.Contains(out, "invalid locale") {
		out, err = c.initdb(ctx, "C")
	}
	if err != nil {
		return fmt.Errorf("creating the database with %s: %w\n%s", c.binaries.path("initdb"), err, lastLines(out))
	}
	if err := os.Rename(c.home.path(newDataDir), c.home.path(dataDir)); err != nil {
		return fmt.Errorf("putting the new data in place: %w", err)
	}
	return nil
}

func (c *Cluster) initdb(ctx context.Context, locale string) (string, error) {
	dir := c.home.path(newDataDir)
	if err := os.RemoveAll(dir); err != nil { // of an attempt that was interrupted
		return "", fmt.Errorf("removing an unfinished attempt: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	if err := c.account.own(dir); err != nil {
		return "", err
	}
	password, err := c.passwordForInitdb()
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(password) }()
	args := []string{
		"--pgdata=" + dir, "--username=" + superuser, "--pwfile=" + password, "--encoding=UTF8", "--locale=" + locale,
		"--auth-local=trust", // only the owner and root can enter the socket's directory
		"--auth-host=scram-sha-256", "--no-instructions",
	}
	if c.config.Disposable {
		args = append(args, "--no-sync")
	}
	out, err := c.account.command(ctx, dir, c.binaries.path("initdb"), args...).CombinedOutput()
	return string(out), err
}

// passwordForInitdb writes the password to a file that the server's account can read. The file exists while initdb
// runs.
func (c *Cluster) passwordForInitdb() (string, error) {
	f, err := os.CreateTemp(c.home.dir, "pwfile-")
	if err != nil {
		return "", fmt.Errorf("handing the password to initdb: %w", err)
	}
	_, err = f.WriteString(c.password + "\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = c.account.own(f.Name())
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("handing the password to initdb: %w", err)
	}
	return f.Name(), nil
}
