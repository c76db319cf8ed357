package postgres

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7), which package syscall lacks.
const tcpUserTimeout = 0x12

// setUserTimeout returns a dialer's control function. It makes the kernel give a connection up when the other side
// acknowledges nothing for d.
func setUserTimeout(d time.Duration) func(network, address string, conn syscall.RawConn) error {
	return func(network, _ string, conn syscall.RawConn) error {
		if network == "unix" {
			return nil
		}
		var err error
		controlErr := conn.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
		})
		if controlErr != nil {
			return controlErr //nolint:wrapcheck // the dialer wraps it
		}
		return err //nolint:wrapcheck // likewise
	}
}
