package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// leaveTimeout is how long a process may take to end after it was told to.
const leaveTimeout = 10 * time.Second

// child is a process of this program that a bench has started. It ends with its standard input, so it is not left
// behind however the bench ends.
type child struct {
	name  string
	pid   int
	in    *os.File // its standard input
	out   *os.File // its standard output
	ended <-chan struct{}
	kill  context.CancelFunc
}

// startChild runs program with args. The files of beside become its files 3 and up.
func startChild(ctx context.Context, name, program string, beside []*os.File, args ...string) (*child, error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer func() { _ = stdin.Close() }()
	out, stdout, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer func() { _ = stdout.Close() }()
	ctx, kill := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = stdin, stdout, os.Stderr, beside
	if err := cmd.Start(); err != nil {
		kill()
		return nil, fmt.Errorf("starting %s: %w", name, errors.Join(err, in.Close(), out.Close()))
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its errors are on standard error
		close(ended)
	}()
	return &child{name: name, pid: cmd.Process.Pid, in: in, out: out, ended: ended, kill: kill}, nil
}

// stop ends the process and returns when it has ended.
func (c *child) stop() {
	_ = c.in.Close()
	select {
	case <-c.ended:
	case <-time.After(leaveTimeout):
	}
	c.kill()
	<-c.ended
	_ = c.out.Close()
}

// lost adds the process's end, if it has ended, to err, an error of talking to it.
func (c *child) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s has ended; the reason is above", c.name)
	}
	return fmt.Errorf("talking to %s: %w", c.name, err)
}
