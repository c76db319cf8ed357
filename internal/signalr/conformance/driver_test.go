package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nodeClient is where the published clients are installed.
const nodeClient = "client"

// listedCase is a row of the table in client/cases.mjs.
type listedCase struct {
	Name string
	In   map[string]string // by "transport/protocol": why the case does not apply there, empty where it does
}

// outcome is what became of a case.
type outcome struct {
	Case  string
	MS    int
	Error string   // empty: it holds
	Log   []string // what the client logged, where it does not
	Stray string   // an error that belongs to no case
}

// listCases reads the table.
func listCases(t *testing.T) []listedCase {
	t.Helper()
	for _, name := range []string{"signalr", "signalr-protocol-msgpack"} {
		_, err := os.Stat(nodeClient + "/node_modules/@microsoft/" + name)
		require.NoError(t, err, "@microsoft/"+name+" is not installed: run `make test`, or `npm ci` in internal/signalr/conformance/client")
	}
	cmd := exec.CommandContext(t.Context(), "node", "driver.mjs", "list")
	cmd.Dir = nodeClient
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &complaints)
	var cases []listedCase
	require.NoError(t, json.Unmarshal(out, &cases))
	return cases
}

// driver is the Node process that runs the cases of one combination.
type driver struct {
	in   io.WriteCloser
	done chan struct{} // closed when the process has said all

	mu      sync.Mutex
	waiting map[string]chan outcome
	strays  []string
}

// drive starts a driver, which ends with the test.
func drive(t *testing.T, url, transport, protocol string) *driver {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "driver.mjs", "run", url, transport, protocol) // it ends with its input
	cmd.Dir = nodeClient
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	d := &driver{in: in, done: make(chan struct{}), waiting: map[string]chan outcome{}}
	require.NoError(t, cmd.Start())
	go d.read(out)
	t.Cleanup(func() {
		_ = in.Close()
		<-d.done
		// Not by require, whose failures in a cleanup nobody gets to read.
		if err := cmd.Wait(); err != nil || complaints.Len() > 0 {
			t.Errorf("Node: %v\n%s", err, &complaints)
		}
		for _, stray := range d.strays {
			t.Errorf("an error that belongs to no case: %s", stray)
		}
	})
	return d
}

func (d *driver) read(out io.Reader) {
	const longest = 16 << 20
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			o.Stray = fmt.Sprintf("not an outcome: %s", lines.Bytes())
		}
		d.mu.Lock()
		if o.Stray != "" {
			d.strays = append(d.strays, o.Stray)
		} else if c := d.waiting[o.Case]; c != nil {
			c <- o
		}
		d.mu.Unlock()
	}
	close(d.done)
}

// begin has the driver run a case, and returns where its outcome will be.
func (d *driver) begin(t *testing.T, name string) <-chan outcome {
	t.Helper()
	c := make(chan outcome, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[name] = c
	_, err := io.WriteString(d.in, name+"\n")
	require.NoError(t, err)
	return c
}

// await fails the test if the case has failed. The driver has a time limit for every case; this one is for the driver.
func (d *driver) await(t *testing.T, w *world, tag string, c <-chan outcome) {
	t.Helper()
	select {
	case o := <-c:
		if o.Error != "" {
			t.Fatalf("after %d ms: %s\nthe client's log:\n  %s\nthe server's log:\n  %s",
				o.MS, o.Error, strings.Join(o.Log, "\n  "), strings.Join(w.logOf(tag), "  "))
		}
	case <-d.done:
		require.FailNow(t, "Node has ended")
	case <-time.After(10 * patience):
		require.FailNow(t, "Node has said nothing of the case")
	}
}
