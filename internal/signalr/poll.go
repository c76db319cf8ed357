package signalr

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/door"
)

const (
	plainText   = "text/plain"
	octetStream = "application/octet-stream"
)

// poll serves a GET request over long polling. The first one opens the connection and is answered at once, so that the client
// knows that it may post.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	door.NeverStored(w.Header())
	t, ok := s.ticket(w, r, hub, user)
	if !ok {
		return
	}
	if !s.cfg.Transports.has(LongPolling) {
		door.WriteNotServed(w, (*longPolling)(nil).name())
		return
	}
	c, opened := s.attach(w, r, hub, t, user, func(c *Conn) {
		c.polls = newLongPolling(c.posts, &s.cfg, c.now)
		c.transport = c.polls
	})
	switch {
	case c == nil:
	case opened:
		if !c.enlist() {
			s.refuse(w, r, hub, door.ServerStopping, retryStopping)
			return
		}
		go c.serve()
		door.WriteEmpty(w, http.StatusOK, octetStream)
	case c.polls == nil:
		door.WriteCannotChange(w)
	default:
		if controller, ok := s.unlimited(w, r, hub); ok {
			c.polls.serve(w, r, controller)
		}
	}
}

// unlimited takes the HTTP server's own deadline, which is meant for responses that do not wait, off a response. One that
// takes none could hold its connection for ever; it has been answered then.
func (s *Server) unlimited(w http.ResponseWriter, r *http.Request, hub *Hub) (*http.ResponseController, bool) {
	if r.ContentLength != 0 {
		door.LimitBody(w)
	}
	controller := http.NewResponseController(w)
	if err := controller.SetWriteDeadline(time.Time{}); err != nil {
		s.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "response takes no deadlines: does a wrapper lack Unwrap?",
			slog.String("hub", hub.name), slog.Any("error", err))
		door.WriteText(w, http.StatusInternalServerError, "")
		return nil, false
	}
	return controller, true
}

// serve answers a poll with messages, or with nothing once it has waited for long enough, or with 204 where another poll
// has taken its place or the connection is over (LongPollingServerTransport.ProcessRequestAsync).
func (t *longPolling) serve(w http.ResponseWriter, r *http.Request, controller *http.ResponseController) {
	p := t.enter()
	defer t.leave()
	timer := time.NewTimer(t.pollTimeout)
	defer timer.Stop()
	status := http.StatusNoContent
	select {
	case frames := <-p.given:
		t.hand(p, w, r, controller, frames)
		return
	case <-p.superseded:
	case <-t.over:
	case <-timer.C:
		status = http.StatusOK
	case <-r.Context().Done():
	}
	if !t.withdraw(p) {
		t.hand(p, w, r, controller, <-p.given)
		return
	}
	over := closed(t.over)
	if over {
		status = http.StatusNoContent
	}
	_ = controller.SetWriteDeadline(time.Now().Add(t.writeTimeout)) // unlimited has seen that it can be set
	door.WriteEmpty(w, status, plainText)
	if over {
		t.told()
	}
}

// enter makes the request the one that waits.
func (t *longPolling) enter() *poll {
	p := &poll{given: make(chan []*frame, 1), taken: make(chan error, 1), superseded: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.present++
	if t.waiting != nil {
		close(t.waiting.superseded)
	}
	t.waiting = p
	if t.wanted != nil {
		close(t.wanted)
		t.wanted = nil
	}
	return p
}

func (t *longPolling) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.present--
	t.since = t.now()
}

// withdraw says that the request waits no more. It returns false where it has been given something in the meantime.
func (t *longPolling) withdraw(p *poll) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == p {
		t.waiting = nil
		return true
	}
	return closed(p.superseded) // only one that waits is superseded, so nobody had given it anything
}

// told is called when a poll was answered with 204.
func (t *longPolling) told() {
	t.mu.Lock()
	defer t.mu.Unlock()
	closeOnce(t.parted)
}

// hand answers the request with frames, and tells the writer what came of it.
func (t *longPolling) hand(p *poll, w http.ResponseWriter, r *http.Request, controller *http.ResponseController, frames []*frame) {
	err := errNobodyThere
	if r.Context().Err() == nil && t.enterWrite(controller) {
		err = t.answer(w, controller, frames)
		t.leaveWrite()
	} else {
		door.WriteEmpty(w, http.StatusNoContent, plainText)
	}
	p.taken <- err
}

// enterWrite limits what is about to be written. It returns false where that must not be.
func (t *longPolling) enterWrite(controller *http.ResponseController) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if closed(t.broken) {
		return false
	}
	if controller.SetWriteDeadline(time.Now().Add(t.writeTimeout)) != nil {
		return false
	}
	t.writing = controller
	return true
}

func (t *longPolling) leaveWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = nil
}

// answer writes the response. Where it fails nobody knows what has arrived, so the connection cannot go on.
func (t *longPolling) answer(w http.ResponseWriter, controller *http.ResponseController, frames []*frame) error {
	size := 0
	for _, f := range frames {
		size += len(f.bytes) - int(f.header)
	}
	w.Header().Set("Content-Type", octetStream)
	w.Header().Set("Content-Length", strconv.Itoa(size))
	out := runWriter{to: w, run: t.buffers.get()}
	defer func() { t.buffers.put(out.run) }()
	for _, f := range frames {
		out.put(f.bytes[f.header:])
	}
	out.flush()
	if out.err != nil {
		return fmt.Errorf("writing to poll: %w", out.err)
	}
	if err := controller.Flush(); err != nil {
		return fmt.Errorf("writing to poll: %w", err)
	}
	return nil
}
