package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/yummyzoom/herald/internal/pgtest"
)

const (
	// patience is how long a test waits for what should take milliseconds; the race detector and a busy machine are slow.
	patience     = 30 * time.Second
	buildTimeout = 5 * time.Minute
)

// binary is the herald under test.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "herald-e2e-")
	if err == nil {
		err = build(filepath.Join(dir, "herald"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	pgtest.Main(m, func() error { return os.RemoveAll(dir) })
}

func build(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/yummyzoom/herald/cmd/herald").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building herald: %w\n%s", err, out)
	}
	binary = path
	return nil
}
