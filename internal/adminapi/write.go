package adminapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"

	// answerPatience is how many write time-outs the whole of an answer may take, so that a slow client cannot hold a
	// page's place for hours.
	answerPatience = 4
)

// written is an answer that is JSON already.
type written struct {
	json   []byte
	status int    // 0: 200
	sent   func() // called when the answer has been written or has failed; may be nil
}

func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	maps.Copy(w.Header(), p.header)
	a.write(w, r, p.Status, problemType, p)
}

func (a *API) write(w http.ResponseWriter, r *http.Request, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store") // an answer is about one user at one moment
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	to := &patientWriter{
		w, http.NewResponseController(w), a.cfg.WriteTimeout, time.Now().Add(answerPatience * a.cfg.WriteTimeout),
	}
	var err error
	if done, ok := body.(written); ok {
		_, err = to.Write(done.json)
	} else {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(body)
	}
	if err != nil {
		a.logger.DebugContext(r.Context(), "an answer could not be written", slog.Any("error", err))
	}
}

// patientWriter gives a client that reads slowly the write time-out for each piece. A client that does not read at
// all gets one write time-out.
type patientWriter struct {
	to         io.Writer
	controller *http.ResponseController
	timeout    time.Duration
	end        time.Time // the deadline of the whole answer
}

func (p *patientWriter) Write(b []byte) (written int, err error) {
	const piece = 64 << 10
	for rest := range slices.Chunk(b, piece) {
		deadline := time.Now().Add(p.timeout)
		if deadline.After(p.end) {
			deadline = p.end
		}
		_ = p.controller.SetWriteDeadline(deadline) // a test's recorder has no deadline
		n, err := p.to.Write(rest)
		written += n
		if err != nil {
			return written, err //nolint:wrapcheck // the encoder's caller logs it
		}
	}
	return written, nil
}
