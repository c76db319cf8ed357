//go:build unix

package bench

import (
	"fmt"
	"syscall"
)

// CheckOpenFiles says what to do where a process may not have so many connections open. Go has raised the limit as far as it may.
func CheckOpenFiles(connections int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	return enoughOpenFiles(connections, limit.Max)
}
