//go:build !linux

package postgres

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent does nothing: only Linux tells a process of its parent's death. The next start stops the orphan.
func endWithParent(*syscall.SysProcAttr) {}

// servesData reports whether the process is a PostgreSQL server on the data directory, which is among its arguments.
func servesData(pid int, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(out), "postgres") && strings.Contains(string(out), data)
}
