package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yummyzoom/herald/internal/test/child"
	"github.com/yummyzoom/herald/internal/test/pgtest"
)

// patience is how long a test waits for results that should take milliseconds; the race detector and a busy machine
// are slow.
const patience = 30 * time.Second

// binary is the herald under test.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "herald-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "herald")
		err = child.BuildHerald(binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	pgtest.Main(m, func() error { return os.RemoveAll(dir) })
}
