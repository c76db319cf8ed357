package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/yummyzoom/herald/internal/test/child"
)

const (
	restartPause = 50 * time.Millisecond // the pause before a node that could not start is started again
	endPatience  = 30 * time.Second      // the longest wait for a node that was told to end
	askTimeout   = 2 * time.Second       // the longest wait for an answer of /readyz
)

// node is a herald process that is restarted whenever it has ended.
type node struct {
	name     string
	binary   string
	env      []string
	log      *os.File
	database *proxy // between the node and the database
	entrance *proxy // between the node and the clients under Node
	verdict  *verdict

	address atomic.Pointer[string] // the running process serves there; nil: nowhere
	id      atomic.Pointer[string] // of the running process, as the database knows it

	fault sync.Mutex // held by the fault under way on the process

	mu     sync.Mutex
	cmd    *exec.Cmd // the running process
	asked  bool      // the harness has ended it on purpose
	wanted bool      // it is to be started again
	pauses time.Duration

	starts atomic.Int64
	done   chan struct{} // closed when the last process has ended and no other follows
}

// startNode starts the n-th node on a database and keeps it running until stop.
func startNode(cfg Config, n int, dsn string, v *verdict) (*node, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading the database's URL: %w", err)
	}
	host := u.Host
	nd := &node{name: fmt.Sprintf("node-%d", n), binary: cfg.Binary, verdict: v, wanted: true, done: make(chan struct{})}
	if nd.log, err = os.Create(filepath.Join(cfg.Dir, nd.name+".log")); err != nil {
		return nil, fmt.Errorf("creating a node's log: %w", err)
	}
	if nd.database, err = newProxy(func() string { return host }); err != nil {
		return nil, err
	}
	if nd.entrance, err = newProxy(nd.where); err != nil {
		return nil, err
	}
	u.Host = nd.database.address
	nd.env = append(settings(u.String()), "PATH="+os.Getenv("PATH"), "HOME="+cfg.Dir)
	go nd.keep()
	return nd, nil
}

// where is the address that the node serves on, or empty.
func (n *node) where() string {
	if address := n.address.Load(); address != nil {
		return *address
	}
	return ""
}

// keep runs one process after another.
func (n *node) keep() {
	defer close(n.done)
	for {
		n.mu.Lock()
		if !n.wanted {
			n.mu.Unlock()
			return
		}
		n.asked, n.pauses = false, 0
		done, err := n.launch()
		n.mu.Unlock()
		if err != nil {
			n.verdict.broken(n.name, fmt.Sprintf("cannot be started: %v", err))
			return
		}
		n.starts.Add(1)
		<-done
		n.ended()
		n.mu.Lock()
		wait := max(n.pauses, restartPause)
		n.mu.Unlock()
		time.Sleep(wait)
	}
}

func (n *node) launch() (<-chan struct{}, error) {
	cmd := exec.CommandContext(context.Background(), n.binary, "serve") // a fault or stop ends it
	cmd.Env = n.env
	cmd.Stdout = n.log
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	n.cmd = cmd
	return child.Start(cmd, func() { child.ReadLines(stderr, n.hear) })
}

// hear reads a line that the process logs.
func (n *node) hear(line string) {
	_, _ = n.log.WriteString(line + "\n")
	switch {
	case strings.Contains(line, `"msg":"serving"`):
		var serving struct {
			Address string
			NodeID  string `json:"node_id"`
		}
		if json.Unmarshal([]byte(line), &serving) == nil {
			n.id.Store(&serving.NodeID)
			n.address.Store(&serving.Address)
		}
	case strings.HasPrefix(line, "panic:"), strings.HasPrefix(line, "fatal error:"), strings.Contains(line, "DATA RACE"):
		n.verdict.broken(n.name, line)
	}
}

// ended records how a process ended. A process that could not start, because the database was away, is no
// violation.
func (n *node) ended() {
	served := n.address.Swap(nil) != nil
	n.mu.Lock()
	defer n.mu.Unlock()
	if served && !n.asked {
		n.verdict.broken(n.name, fmt.Sprintf("ended by itself: %v", n.cmd.ProcessState))
	}
}

// signal sends a signal. A signal that ends the process comes with the time of the next start.
func (n *node) signal(s syscall.Signal, ends bool, pauses time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ends {
		n.asked, n.pauses = true, pauses
	}
	if n.cmd != nil && n.cmd.Process != nil {
		_ = n.cmd.Process.Signal(s) // fails only where the process has ended
	}
}

// kill ends the process as a crash would; the next one starts after a while.
func (n *node) kill(pauses time.Duration) {
	n.fault.Lock()
	defer n.fault.Unlock()
	n.signal(syscall.SIGKILL, true, pauses)
}

// terminate makes the process end in order.
func (n *node) terminate() {
	n.fault.Lock()
	defer n.fault.Unlock()
	n.signal(syscall.SIGTERM, true, 0)
}

// freeze stops the process for a while, then continues it.
func (n *node) freeze(ctx context.Context, d time.Duration) {
	n.fault.Lock()
	defer n.fault.Unlock()
	n.signal(syscall.SIGSTOP, false, 0)
	pause(ctx, d)
	n.signal(syscall.SIGCONT, false, 0)
}

// ready says whether the node answers that it is ready.
func (n *node) ready(ctx context.Context) error {
	address := n.where()
	if address == "" {
		return errors.New("it does not serve")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("asking %s: %w", n.name, err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", n.name, err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %d", response.StatusCode)
	}
	return nil
}

// stop ends the node for good. The node has to serve, and to end in order; else stop reports it.
func (n *node) stop() {
	n.retire(syscall.SIGTERM)
	select {
	case <-n.done:
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			n.verdict.broken(n.name, fmt.Sprintf("told to end, it ended with code %d", code))
		}
	case <-time.After(endPatience):
		n.verdict.broken(n.name, "told to end, it does not")
	}
}

// close ends the node's process if it still runs.
func (n *node) close() {
	n.retire(syscall.SIGKILL)
	<-n.done
	n.database.close()
	n.entrance.close()
	_ = n.log.Close()
}

func (n *node) retire(s syscall.Signal) {
	n.mu.Lock()
	n.wanted = false
	n.mu.Unlock()
	n.signal(s, true, 0)
}
