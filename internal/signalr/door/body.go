package door

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// drainTimeout is how long a body that nobody wants may take to arrive.
const drainTimeout = time.Second

// LimitBody bounds the reading of a body that nobody has asked for. net/http waits for it before it writes an answer, however
// slowly it comes. Where the server's requests cannot be given deadlines, the server has to.
func LimitBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTimeout))
}

// RefuseBody answers before the body has been read, or what of it is left.
func RefuseBody(w http.ResponseWriter, r *http.Request, status int) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // under HTTP/2 that would end all of the client's requests
	}
	LimitBody(w)
	WriteText(w, status, "")
}

// maxRefreshBody is how much of a body is taken that means nothing: clients send none.
const maxRefreshBody = 4 << 10

// TakeBody reads a body, of which nothing is wanted, and returns false where it is one that no client sends.
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

// WithoutBody is r as another node gets it: what there was of a body has been read, and meant nothing.
func WithoutBody(r *http.Request) *http.Request {
	if r.ContentLength == 0 {
		return r
	}
	bare := r.Clone(r.Context())
	bare.Body, bare.ContentLength, bare.TransferEncoding = http.NoBody, 0, nil
	bare.Header.Del("Content-Length")
	return bare
}
