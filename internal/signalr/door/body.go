package door

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// drainTimeout is how long an unwanted body may take to arrive.
const drainTimeout = time.Second

// LimitBody bounds the reading of an unwanted body. net/http waits for the body before it writes an answer, however
// slowly it arrives. Where requests cannot be given deadlines, the HTTP server must limit them itself.
func LimitBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTimeout))
}

// RefuseBody answers before the body, or the rest of it, has been read.
func RefuseBody(w http.ResponseWriter, r *http.Request, status int) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // under HTTP/2 it would end all of the client's requests
	}
	LimitBody(w)
	WriteText(w, status, "")
}

// maxRefreshBody is how much of a refresh's body is read. The body means nothing, and clients send none.
const maxRefreshBody = 4 << 10

// TakeBody reads an unwanted body to its end. It returns false for a body that is too large or too slow, which no
// client sends.
func TakeBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	LimitBody(w)
	n, err := io.CopyN(io.Discard, r.Body, maxRefreshBody+1)
	if n <= maxRefreshBody && errors.Is(err, io.EOF) {
		return true
	}
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // as for any body that is not read to its end
	}
	return false
}

// WithoutBody returns r for another node, without the body, which has been read and meant nothing.
func WithoutBody(r *http.Request) *http.Request {
	if r.ContentLength == 0 {
		return r
	}
	bare := r.Clone(r.Context())
	bare.Body, bare.ContentLength, bare.TransferEncoding = http.NoBody, 0, nil
	bare.Header.Del("Content-Length")
	return bare
}
