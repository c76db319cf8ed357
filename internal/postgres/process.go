package postgres

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// endSignalHard makes PostgreSQL and all its processes end at once, leaving recovery to the next start.
const endSignalHard = syscall.SIGQUIT

// process is a running server. Its goroutine ends with it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended
	err  error         // how it ended; valid once done is closed
}

// startProcess runs cmd in a thread that lives as long as the process: the kernel sends the parent-death signal when
// the thread that forked ends, not when the program does.
func startProcess(cmd *exec.Cmd) (*process, error) {
	endWithParent(cmd.SysProcAttr)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		if p.err = cmd.Wait(); p.err == nil {
			p.err = errors.New("exit status 0")
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// end sends the signal and waits until the server has ended. When ctx is done first the server is told to end at
// once, and at last killed.
func (p *process) end(ctx context.Context, signal syscall.Signal) error {
	_ = p.cmd.Process.Signal(signal) // fails only where it has ended
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	for _, harder := range []syscall.Signal{endSignalHard, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(harder) // likewise
		select {
		case <-p.done:
			return fmt.Errorf("the embedded PostgreSQL did not end in time and was stopped hard: %w", context.Cause(ctx))
		case <-time.After(killTimeout):
		}
	}
	return fmt.Errorf("the embedded PostgreSQL, process %d, cannot be ended", p.cmd.Process.Pid)
}
