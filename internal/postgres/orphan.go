package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopOrphan ends a server that a killed Herald left behind. The caller holds the home's lock, so no living Herald
// runs that server.
func (c *Cluster) stopOrphan(ctx context.Context) error {
	data := c.home.path(dataDir)
	pidFile := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for a running server: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 || !servesData(pid, data) {
		// The file is stale. PostgreSQL replaces it by itself, unless another process has its number by now.
		if err == nil && pid > 1 && !alive(pid) {
			return nil
		}
		// A server that is still ending may remove the file first.
		if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a stale postmaster.pid: %w", err)
		}
		return nil
	}
	c.config.Logger.WarnContext(ctx, "stopping a server that was left running", slog.Int("pid", pid),
		slog.String("location", c.home.dir))
	for _, step := range []struct {
		signal  syscall.Signal
		timeout time.Duration
	}{{syscall.SIGINT, c.config.StopTimeout}, {endSignalHard, killTimeout}, {syscall.SIGKILL, killTimeout}} {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping the server that was left running, process %d: %w", pid, err)
		}
		stepCtx, cancel := context.WithTimeout(ctx, step.timeout)
		for servesData(pid, data) && pause(stepCtx, pollInterval) == nil {
			continue
		}
		cancel()
		if !servesData(pid, data) {
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("stopping the server that was left running, process %d: %w", pid, err)
		}
	}
	return fmt.Errorf("the server that was left running, process %d, cannot be ended", pid)
}

// alive reports whether a process of that number exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
