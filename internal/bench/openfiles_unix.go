//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// spareFiles is what a process has open beside its connections.
const spareFiles = 200

// checkOpenFiles says what to do where a process may not have so many connections open. Go has raised the limit as far as it may.
func checkOpenFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	if need := uint64(connections + spareFiles); limit.Max < need { //nolint:gosec // a number of connections is positive
		return fmt.Errorf("%d connections need %d open files in a process, and the limit is %d: raise it (as root: ulimit -Hn %d; "+
			"in a container: --ulimit nofile=%d; with systemd: LimitNOFILE=%d), or measure fewer connections",
			connections, need, limit.Max, need, need, need)
	}
	return nil
}
