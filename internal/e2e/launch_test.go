package e2e_test

import (
	"bufio"
	"io"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// launch starts cmd, calls read, which reads its pipes to their end, and closes the returned channel when the process has ended. All
// of it on a thread of its own: the kernel's parent-death signal follows the thread that forked, and threads come and go.
func launch(t *testing.T, cmd *exec.Cmd, read func()) <-chan struct{} {
	t.Helper()
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
	require.NoError(t, <-started)
	return done
}

func readLines(from io.Reader, add func(line string)) {
	const longest = 16 << 20
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		add(lines.Text())
	}
}
