package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long anything may take that a user waits for. Builds and downloads are among them.
const patience = 3 * time.Minute

// process is a command that runs beside the walk, with all that it starts.
type process struct {
	command string
	cmd     *exec.Cmd
	in      io.WriteCloser
	done    chan struct{} // closed when it has ended

	mu      sync.Mutex // guards what follows
	lines   []string
	changed chan struct{}
}

// environment is a new user's, with settings: nothing that this machine says about Herald.
func (w *walk) environment(settings []string) []string {
	var env []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "HERALD_") && !strings.HasPrefix(setting, "PG") && !strings.HasPrefix(setting, "MAKE") &&
			!strings.HasPrefix(setting, "DATABASE_URL=") {
			env = append(env, setting)
		}
	}
	return append(env, append([]string{"PATH=" + w.clone + "/bin:" + os.Getenv("PATH")}, settings...)...)
}

// start starts a command in a folder of the clone.
func (w *walk) start(folder, command string, settings ...string) (*process, error) {
	fmt.Printf("    $ %s &\n", command)
	p := &process{command: command, done: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.CommandContext(w.ctx, "sh", "-c", command)
	p.cmd.Dir, p.cmd.Env = w.clone+"/"+folder, w.environment(settings)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = write, write
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	_ = write.Close()
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, 1<<20) //nolint:mnd // the longest line
		for lines.Scan() {
			p.add(lines.Text())
		}
		_ = p.cmd.Wait()
	}()
	w.running = append(w.running, p)
	return p, nil
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	close(p.changed)
	p.changed = make(chan struct{})
}

// said returns the lines so far, and a channel that is closed with the next one.
func (p *process) said() ([]string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.lines), p.changed
}

// await waits for the first line from one on that matches, and returns what its groups match.
func (p *process) await(from int, pattern string) (match []string, next int, err error) {
	wanted := regexp.MustCompile(pattern)
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		lines, changed := p.said()
		for i := from; i < len(lines); i++ {
			if match := wanted.FindStringSubmatch(lines[i]); match != nil {
				return match, i + 1, nil
			}
		}
		select {
		case <-changed:
		case <-p.done:
			if now, _ := p.said(); len(now) == len(lines) {
				return nil, 0, fmt.Errorf("`%s` has ended (%v) without saying %s:\n%s", p.command, p.cmd.ProcessState, pattern, p.tail())
			}
		case <-deadline.C:
			return nil, 0, fmt.Errorf("`%s` does not say %s:\n%s", p.command, pattern, p.tail())
		}
	}
}

func (p *process) tail() string {
	const shown = 15
	lines, _ := p.said()
	return strings.Join(lines[max(0, len(lines)-shown):], "\n")
}

// end sends a signal to the command and all that it started, and waits for its end.
func (p *process) end(signal syscall.Signal) error {
	_ = syscall.Kill(-p.cmd.Process.Pid, signal)
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		return fmt.Errorf("`%s` does not end on %v", p.command, signal)
	}
}

func (w *walk) stopAll() {
	for _, p := range w.running {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	}
	for _, p := range w.running {
		_ = p.end(syscall.SIGKILL)
	}
	w.running = nil
}

// shell runs a command in a folder of the clone to its end, which must be a good one.
func (w *walk) shell(folder, command string, settings ...string) (output string, err error) {
	output, err = w.try(folder, command, settings...)
	if err != nil {
		return output, fmt.Errorf("`%s`: %w\n%s", command, err, output)
	}
	return output, nil
}

// try runs a command that may fail.
func (w *walk) try(folder, command string, settings ...string) (output string, err error) {
	fmt.Printf("    $ %s\n", command)
	cmd := exec.CommandContext(w.ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = w.clone+"/"+folder, w.environment(settings)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	raw, err := cmd.CombinedOutput()
	return string(raw), err
}

// eventually asks until the answer is yes.
func eventually(what string, yes func() bool) error {
	const pause = 200 * time.Millisecond
	for deadline := time.Now().Add(patience); !yes(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s", what)
		}
	}
	return nil
}

func installed(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
