package peers

import (
	"net/http"
	"time"
)

// writer is a client's response with a limit for each write: the server's own deadline is for answers that do not
// wait.
type writer struct {
	http.ResponseWriter

	controller *http.ResponseController
	timeout    time.Duration
	begun      bool
}

func newWriter(w http.ResponseWriter, timeout time.Duration) *writer {
	return &writer{ResponseWriter: w, controller: http.NewResponseController(w), timeout: timeout}
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) limit() {
	_ = w.controller.SetWriteDeadline(time.Now().Add(w.timeout)) // every connection of the server supports it
}

// WriteHeader sets the deadline for writes after the handler, too: those of an answer without a body.
func (w *writer) WriteHeader(status int) {
	w.limit()
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.limit()
	w.begun = true
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // the proxy's
}

// FlushError is for http.ResponseController.
func (w *writer) FlushError() error {
	w.limit()
	return w.controller.Flush() //nolint:wrapcheck // the proxy's
}
