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
	"testing"

	"github.com/stretchr/testify/require"
)

// nodeClient is where the published clients are installed.
const nodeClient = "client"

// listedCase is a row of the table in client/cases.mjs.
type listedCase struct {
	Name string
	In   map[string]string // by "transport/protocol": why the case does not apply there, empty where it does
}

// outcome is the result of a case.
type outcome struct {
	Case  string
	MS    int
	Error string   // empty: the case holds
	Log   []string // what the client logged, where the case fails
	Stray string   // an error that belongs to no case
}

// listCases reads the table.
func listCases(t *testing.T) []listedCase {
	t.Helper()
	for _, name := range []string{"signalr", "signalr-protocol-msgpack"} {
		_, err := os.Stat(nodeClient + "/node_modules/@microsoft/" + name)
		require.NoError(t, err,
			"@microsoft/"+name+" is not installed: run `make test`, or `npm ci` in internal/test/conformance/client")
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
	cases    []string                // in the order in which they are expected
	outcomes map[string]chan outcome // of these
	done     chan struct{}           // closed when the process has ended
	err      error                   // read behind done
	said     bytes.Buffer            // its complaints, likewise
	strays   []string                // errors that belong to no case, likewise
}

func newDriver() *driver {
	return &driver{outcomes: map[string]chan outcome{}, done: make(chan struct{})}
}

// expect adds a case, and returns the channel of its outcome. It must be called before run.
func (d *driver) expect(name string) <-chan outcome {
	c := make(chan outcome, 1)
	d.cases = append(d.cases, name)
	d.outcomes[name] = c
	return c
}

// run has Node run the expected cases, when there is a slot for the process.
func (d *driver) run(ctx context.Context, slots chan struct{}, url, transport, protocol string) {
	defer close(d.done)
	slots <- struct{}{}
	defer func() { <-slots }()
	cmd := exec.CommandContext(ctx, "node", "--no-warnings", "driver.mjs", "run", url, transport, protocol)
	cmd.Dir = nodeClient
	cmd.Stdin = strings.NewReader(strings.Join(d.cases, "\n"))
	cmd.Stderr = &d.said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		d.read(out)
		err = cmd.Wait()
	}
	d.err = err
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
		if c := d.outcomes[o.Case]; c != nil {
			c <- o
		} else {
			d.strays = append(d.strays, o.Stray)
		}
	}
}

// check reports what is wrong with the process itself. It does not use require, whose failures in a cleanup are not
// shown.
func (d *driver) check(t *testing.T) {
	t.Helper()
	<-d.done
	if d.err != nil || d.said.Len() > 0 {
		t.Errorf("Node: %v\n%s", d.err, &d.said)
	}
	for _, stray := range d.strays {
		t.Errorf("an error that belongs to no case: %s", stray)
	}
}

// await fails the test if the case has failed. The driver has a time limit for each.
func (d *driver) await(t *testing.T, w *world, tag string, c <-chan outcome) {
	t.Helper()
	var o outcome
	select {
	case o = <-c:
	case <-d.done:
		select {
		case o = <-c:
		default:
			require.FailNow(t, "Node has ended without a word about the case")
		}
	}
	if o.Error != "" {
		t.Fatalf("after %d ms: %s\nthe client's log:\n  %s\nthe server's log:\n  %s",
			o.MS, o.Error, strings.Join(o.Log, "\n  "), strings.Join(w.logOf(tag), "  "))
	}
}
