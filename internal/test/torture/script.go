package torture

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/test/child"
	"github.com/yummyzoom/herald/internal/test/torture/checker"
)

// scripts are the clients under Node, all in one process. Each is the published client, which reconnects by itself
// and then resumes.
type scripts struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	errs bytes.Buffer
	done <-chan struct{}

	mu      sync.Mutex // guards the fields below, and writes to in
	next    int
	answers map[int]chan string // by command: the failure, or empty
	clients map[string]*script
}

// script is a client under Node.
type script struct {
	tracker

	hub, method string
	arguments   []any
	token       string
	entrance    *proxy        // of a node, or of the balancer
	transport   string        // empty: WebSockets
	closed      chan struct{} // receives when the connection has ended and will not reconnect by itself
}

func startScripts(folder string) (*scripts, error) {
	s := &scripts{answers: map[int]chan string{}, clients: map[string]*script{}}
	args := append([]string{"driver.mjs"}, event.Methods()...)
	s.cmd = exec.CommandContext(context.Background(), "node", args...) // it ends with its input
	s.cmd.Dir = folder
	s.cmd.Stderr = &s.errs
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		s.in, err = s.cmd.StdinPipe()
	}
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	if s.done, err = child.Start(s.cmd, func() { child.ReadLines(out, s.hear) }); err != nil {
		return nil, fmt.Errorf("starting Node: %w", err)
	}
	return s, nil
}

// stop ends the process.
func (s *scripts) stop() error {
	s.mu.Lock()
	_ = s.in.Close() // the process ends with it
	s.mu.Unlock()
	<-s.done
	if s.errs.Len() > 0 || !s.cmd.ProcessState.Success() {
		return fmt.Errorf("ended Node, with %v: %s", s.cmd.ProcessState, s.errs.String())
	}
	return nil
}

// line is a line that the process writes: an answer to a command, or an event of a client.
type line struct {
	ID     int
	Error  string
	Client string
	Event  string
	Args   []json.RawMessage
	State  string
	Text   string
	Result struct {
		Status   string
		Sequence int64
	}
}

func (s *scripts) hear(text string) {
	var l line
	if json.Unmarshal([]byte(text), &struct{ Result *json.RawMessage }{}) != nil {
		return
	}
	_ = json.Unmarshal([]byte(text), &l) // the result of an answer may be a text, which is ignored
	s.mu.Lock()
	answer, c := s.answers[l.ID], s.clients[l.Client]
	delete(s.answers, l.ID)
	s.mu.Unlock()
	switch {
	case answer != nil:
		answer <- l.Error
	case c != nil && l.Event != "":
		c.receive(l)
	case c != nil:
		c.became(l)
	}
}

// receive takes an event.
func (c *script) receive(l line) {
	if group, admin := event.AdminGroup(l.Event); len(l.Args) == 0 || admin && group != c.group {
		return // admins receive more than the one group
	}
	var place struct {
		EventID  uuid.UUID
		Sequence int64
	}
	if err := json.Unmarshal(l.Args[len(l.Args)-1], &place); err != nil || place.Sequence == 0 {
		return // not an event of the outbox
	}
	if err := c.process(l.Event, l.Args, place.EventID, place.Sequence); err != nil {
		c.find(checker.WrongContent, place.EventID, "an event as published", err.Error())
	}
}

// became handles a change of the connection.
func (c *script) became(l line) {
	switch l.State {
	case "resumed":
		if l.Result.Status == "gap" {
			c.gap(l.Result.Sequence)
		}
	case "reconnected":
		c.connected()
	case "closed":
		c.failed(errors.New(l.State + " " + l.Text))
		select {
		case c.closed <- struct{}{}:
		default: // it is known already
		}
	case "reconnecting", "resume failed":
		c.failed(errors.New(l.State + " " + l.Text))
	}
}

// follow opens the client, again whenever it has closed for good, until ctx ends.
func (s *scripts) follow(ctx context.Context, c *script) {
	for n := 0; ctx.Err() == nil; n++ {
		name := c.client + "." + strconv.Itoa(n)
		if err := s.open(ctx, c, name); err != nil {
			c.failed(err)
			if !pause(ctx, refusedWait) {
				return
			}
			continue
		}
		select {
		case <-c.closed:
		case <-ctx.Done():
		}
	}
}

func (s *scripts) open(ctx context.Context, c *script, name string) error {
	c.connected()
	c.mu.Lock()
	from := c.cursor
	c.mu.Unlock()
	answer := make(chan string, 1)
	s.mu.Lock()
	s.next++
	s.answers[s.next], s.clients[name] = answer, c
	command, err := json.Marshal(map[string]any{
		"id": s.next, "op": "connect", "client": name, "url": "http://" + c.entrance.address + c.hub,
		"tokens":    []string{c.token},
		"transport": cmp.Or(c.transport, "WebSockets"), "reconnect": true,
		"follow": map[string]any{"method": c.method, "args": c.arguments, "from": from},
	})
	if err == nil {
		_, err = s.in.Write(append(command, '\n'))
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("commanding Node: %w", err)
	}
	select {
	case text := <-answer:
		if text != "" {
			return errors.New(text)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
