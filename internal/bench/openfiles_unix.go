//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// CheckOpenFiles fails with advice if the process may not have this many connections open. Go has already raised the
// limit as far as it may.
func CheckOpenFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	return enoughOpenFiles(connections, limit.Max)
}
