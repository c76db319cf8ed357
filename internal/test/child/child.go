// Package child runs programs that end with the test process, whatever becomes of it.
package child

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"
)

const buildTimeout = 5 * time.Minute

// BuildHerald builds the herald under test, as it is in this checkout, to a path.
func BuildHerald(path string, flags ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	args := append(append([]string{"build", "-o", path}, flags...), "github.com/yummyzoom/herald/cmd/herald")
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building herald: %w\n%s", err, out)
	}
	return nil
}

// Start starts cmd, calls read, which reads its pipes to their end, and closes the returned channel when the process has ended. All
// of it on a thread of its own: the kernel's parent-death signal follows the thread that forked, and threads come and go.
func Start(cmd *exec.Cmd, read func()) (<-chan struct{}, error) {
	dieWithParent(cmd)
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			read()
			_ = cmd.Wait() // how it ended is in ProcessState
		}
		close(done)
	}()
	return done, <-started
}

// ReadLines calls add for each line until there is no more.
func ReadLines(from io.Reader, add func(line string)) {
	const longest = 16 << 20
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		add(lines.Text())
	}
}
