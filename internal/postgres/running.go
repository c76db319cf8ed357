package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNotRunning says that no server runs in a data directory.
var ErrNotRunning = errors.New("no embedded PostgreSQL is running; `herald dev` or `herald serve` starts it")

const probeTimeout = time.Second

// RunningDSN returns the connection string of the cluster that another process runs in a data directory, or an error
// that wraps [ErrNotRunning].
func RunningDSN(dataDirectory string) (string, error) {
	base, err := filepath.Abs(dataDirectory)
	if err != nil {
		return "", fmt.Errorf("data directory %q: %w", dataDirectory, err)
	}
	h, known, err := knownHome(base)
	if err != nil {
		return "", err
	}
	port, portErr := h.read(portFile)
	password, passwordErr := h.read(passwordFile)
	if !known || errors.Is(portErr, fs.ErrNotExist) {
		return "", ErrNotRunning
	}
	if err := errors.Join(portErr, passwordErr); err != nil {
		return "", fmt.Errorf("reading how to reach the embedded PostgreSQL: %w", err)
	}
	c := Cluster{password: password}
	if c.port, err = strconv.Atoi(port); err != nil {
		return "", fmt.Errorf("reading the port of the embedded PostgreSQL: %w", err)
	}
	probe, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), probeTimeout) //nolint:noctx // has a time-out of its own
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNotRunning, err)
	}
	_ = probe.Close() // the connection was only a probe
	return c.DSN(), nil
}

func (h home) read(name string) (string, error) {
	text, err := os.ReadFile(h.path(name))
	return strings.TrimSpace(string(text)), err
}
