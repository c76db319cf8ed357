package e2e_test

import (
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

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/child"
)

// driver is one Node process with any number of connections of the published client.
type driver struct {
	in      io.Writer
	mu      sync.Mutex // guards the fields below, and writing to in
	calls   int
	answers map[int]chan answer
	clients map[string]*client
}

// answer is the result of a command.
type answer struct {
	ID     int
	Result json.RawMessage
	Void   bool // the result is undefined
	Error  string
}

// arrival is a message to a connection, or a change of its state.
type arrival struct {
	Event  string            // the invoked client method, or empty
	Args   []json.RawMessage // of Event
	State  string            // reconnecting, reconnected, closed, log, resumed, resume failed, or empty
	Text   string            // about State
	Result *resumeResult     // of resumed
}

func (a arrival) String() string {
	if a.Event == "" {
		return fmt.Sprintf("(%s %s %v)", a.State, a.Text, a.Result)
	}
	return fmt.Sprintf("%s %s", a.Event, bytes.Join(rawBytes(a.Args), []byte(" ")))
}

func rawBytes(raw []json.RawMessage) [][]byte {
	all := make([][]byte, len(raw))
	for i := range raw {
		all[i] = raw[i]
	}
	return all
}

// resumeResult is what the Resume methods return.
type resumeResult struct {
	Status      string
	Replayed    int
	LastEventID uuid.UUID
	Sequence    int64
}

// nodeClient is where the published client is installed.
const nodeClient = "client"

// drive starts a driver with env in addition to this process's environment. It ends with the test.
func drive(t *testing.T, env ...string) *driver {
	t.Helper()
	requireInstalled(t)
	return driveOf(t, nodeClient, "driver.mjs", env...)
}

// driveOf is drive with another program that speaks the same protocol.
func driveOf(t *testing.T, dir, program string, env ...string) *driver {
	t.Helper()
	args := append([]string{program}, event.Methods()...)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", args...) // it ends with its input
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	d := &driver{in: in, answers: map[int]chan answer{}, clients: map[string]*client{}}
	done, err := child.Start(cmd, func() { d.read(out) })
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = in.Close()
		<-done
		require.Empty(t, complaints.String(), "what Node complained of")
		require.True(t, cmd.ProcessState.Success(), cmd.ProcessState)
	})
	return d
}

func requireInstalled(t *testing.T) {
	t.Helper()
	_, err := os.Stat(nodeClient + "/node_modules/@microsoft/signalr")
	require.NoError(
		t, err, "the JavaScript client is not installed: run `make test`, or `npm ci` in internal/test/e2e/client",
	)
}

// read sorts the driver's output. It returns when the driver ends.
func (d *driver) read(out io.Reader) {
	child.ReadLines(out, func(text string) {
		var line struct {
			answer
			arrival

			Result json.RawMessage
			Client string
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			line.State, line.Text = "log", err.Error()
		}
		d.mu.Lock()
		waiting, c := d.answers[line.ID], d.clients[line.Client]
		delete(d.answers, line.ID)
		d.mu.Unlock()
		switch {
		case waiting != nil:
			line.answer.Result = line.Result
			waiting <- line.answer
		case c != nil:
			if line.State == "resumed" {
				_ = json.Unmarshal(line.Result, &line.arrival.Result)
			}
			c.add(line.arrival)
		}
	})
}

// command gives a command and returns a channel for its answer.
func (d *driver) command(t *testing.T, fields map[string]any) <-chan answer {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	ch := make(chan answer, 1)
	d.answers[d.calls] = ch
	fields["id"] = d.calls
	line, err := json.Marshal(fields)
	require.NoError(t, err)
	_, err = d.in.Write(append(line, '\n'))
	require.NoError(t, err)
	return ch
}

func await(t *testing.T, ch <-chan answer, what any) answer {
	t.Helper()
	select {
	case a := <-ch:
		return a
	case <-time.After(patience):
		require.FailNow(t, "no answer", "to %v", what)
		return answer{}
	}
}

// client is one connection, and the record of all its arrivals.
type client struct {
	record[arrival]

	d    *driver
	name string
	seen int // index of the first arrival that next has not returned
}

// options are a connection's options beside the URL and the token.
type options struct {
	Tokens    []string // one for each start; the last one repeats
	Reconnect bool
	Follow    *follow
	Transport string // the client's name for it; empty: WebSockets
	Stateful  bool   // with stateful reconnect
	Strict    bool   // a handler is called only with as many arguments as the document gives it, as in .NET
}

// follow makes the client resume a group after each start, from its last event.
type follow struct {
	Method string     `json:"method"`
	Args   []any      `json:"args"`
	From   *uuid.UUID `json:"from"`
}

// open opens a connection to a hub. It may fail for the reason in answer.
func (d *driver) open(t *testing.T, url string, o options) (*client, answer) {
	t.Helper()
	if o.Follow != nil && o.Follow.Args == nil {
		o.Follow.Args = []any{}
	}
	c := &client{d: d, name: uuid.NewString()}
	d.mu.Lock()
	d.clients[c.name] = c
	d.mu.Unlock()
	a := await(t, d.command(t, map[string]any{
		"op": "connect", "client": c.name, "url": url, "tokens": o.Tokens, "reconnect": o.Reconnect, "follow": o.Follow,
		"strict":    o.Strict,
		"transport": o.Transport, "stateful": o.Stateful,
	}), url)
	return c, a
}

// connect opens a connection that reconnects by itself.
func (d *driver) connect(t *testing.T, url, token string) *client {
	t.Helper()
	c, a := d.open(t, url, options{Tokens: []string{token}, Reconnect: true})
	require.Empty(t, a.Error)
	return c
}

// followed opens a connection that follows one group from its beginning.
func (d *driver) followed(t *testing.T, url, token, method string, args ...any) *client {
	t.Helper()
	c, a := d.open(t, url, options{
		Tokens: []string{token}, Reconnect: true, Follow: &follow{Method: method, Args: args, From: &uuid.UUID{}},
	})
	require.Empty(t, a.Error)
	return c
}

// begin invokes a hub method and does not wait for the completion.
func (c *client) begin(t *testing.T, method string, args ...any) <-chan answer {
	t.Helper()
	return c.d.command(
		t, map[string]any{"op": "invoke", "client": c.name, "method": method, "args": append([]any{}, args...)},
	)
}

// call invokes a hub method, which must succeed, and returns its result.
func (c *client) call(t *testing.T, method string, args ...any) string {
	t.Helper()
	a := await(t, c.begin(t, method, args...), method)
	require.Empty(t, a.Error, "%s%v", method, args)
	require.False(t, a.Void, "%s%v", method, args)
	return string(a.Result)
}

// refused invokes a hub method, which must fail, and returns the error's text.
func (c *client) refused(t *testing.T, method string, args ...any) string {
	t.Helper()
	a := await(t, c.begin(t, method, args...), method)
	require.NotEmpty(t, a.Error, "%s%v came to %s", method, args, a.Result)
	return a.Error
}

// send invokes a hub method without wanting a completion.
func (c *client) send(t *testing.T, method string, args ...any) {
	t.Helper()
	a := await(
		t,
		c.d.command(t, map[string]any{"op": "send", "client": c.name, "method": method, "args": append([]any{}, args...)}),
		method,
	)
	require.Empty(t, a.Error)
}

// stop closes the connection.
func (c *client) stop(t *testing.T) {
	t.Helper()
	require.Empty(t, await(t, c.d.command(t, map[string]any{"op": "stop", "client": c.name}), "stop").Error)
}

// next returns the next event of the connection, and skips states.
func (c *client) next(t *testing.T) arrival {
	t.Helper()
	var a arrival
	a, c.seen = c.await(t, c.seen, "an event", func(a arrival) bool { return a.Event != "" })
	return a
}

// until returns the next state of a kind, and skips events.
func (c *client) until(t *testing.T, state string) arrival {
	t.Helper()
	var a arrival
	a, c.seen = c.await(t, c.seen, state, func(a arrival) bool { return a.State == state })
	return a
}

// quiet requires that no event has arrived that next has not returned. A message that was sent before a call's
// completion has arrived.
func (c *client) quiet(t *testing.T) {
	t.Helper()
	all, _ := c.all()
	for _, a := range all[c.seen:] {
		require.Empty(t, a.Event, "%v", a)
	}
}

// receives requires the next event to be this one, with exactly these arguments in JSON.
func (c *client) receives(t *testing.T, event string, args ...string) {
	t.Helper()
	a := c.next(t)
	require.Equal(t, event, a.Event)
	require.JSONEq(
		t, "["+strings.Join(args, ",")+"]",
		string(append(append([]byte("["), bytes.Join(rawBytes(a.Args), []byte(","))...), ']')),
	)
}
