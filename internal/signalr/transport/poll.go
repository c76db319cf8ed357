package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/signalr/wire"
)

const (
	plainText   = "text/plain"
	octetStream = "application/octet-stream"
)

// Serve answers a poll with messages; with nothing, once it has waited for pollTimeout; or with 204, where another
// poll has taken its place or the connection is over (LongPollingServerTransport.ProcessRequestAsync).
func (t *LongPolling) Serve(w http.ResponseWriter, r *http.Request, controller *http.ResponseController) {
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
	_ = controller.SetWriteDeadline(time.Now().Add(t.writeTimeout)) // Server.unlimited has checked that it can be set
	writeEmpty(w, status, plainText)
	if over {
		t.told()
	}
}

// enter makes the request the one that waits.
func (t *LongPolling) enter() *poll {
	p := &poll{given: make(chan []*wire.Frame, 1), taken: make(chan error, 1), superseded: make(chan struct{})}
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

func (t *LongPolling) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.present--
	t.since = t.now()
}

// withdraw ends the request's wait. It returns false where the request has been given messages in the meantime.
func (t *LongPolling) withdraw(p *poll) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == p {
		t.waiting = nil
		return true
	}
	return closed(p.superseded) // only a waiting poll is superseded, so it was given nothing
}

// told is called when a poll was answered with 204 at the end.
func (t *LongPolling) told() {
	t.mu.Lock()
	defer t.mu.Unlock()
	closeOnce(t.parted)
}

// hand answers the request with frames, and tells the writer the outcome.
func (t *LongPolling) hand(
	p *poll, w http.ResponseWriter, r *http.Request, controller *http.ResponseController, frames []*wire.Frame,
) {
	err := errNobodyThere
	if r.Context().Err() == nil && t.enterWrite(controller) {
		err = t.answer(w, controller, frames)
		t.leaveWrite()
	} else {
		writeEmpty(w, http.StatusNoContent, plainText)
	}
	p.taken <- err
}

// enterWrite limits the write that is about to begin. It returns false where there must be none.
func (t *LongPolling) enterWrite(controller *http.ResponseController) bool {
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

func (t *LongPolling) leaveWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writing = nil
}

// answer writes the response. Where it fails, the server does not know what has arrived, so the connection cannot go
// on.
func (t *LongPolling) answer(w http.ResponseWriter, controller *http.ResponseController, frames []*wire.Frame) error {
	size := 0
	for _, f := range frames {
		size += len(f.Payload())
	}
	w.Header().Set("Content-Type", octetStream)
	w.Header().Set("Content-Length", strconv.Itoa(size))
	out := runWriter{to: w, run: t.buffers.get()}
	defer func() { t.buffers.Put(out.run) }()
	for _, f := range frames {
		out.put(f.Payload())
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
