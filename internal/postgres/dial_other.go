//go:build !linux

package postgres

import (
	"syscall"
	"time"
)

// setUserTimeout returns nil: only Linux has the option. Elsewhere keepalive notices a vanished database, later.
func setUserTimeout(time.Duration) func(network, address string, conn syscall.RawConn) error {
	return nil
}
