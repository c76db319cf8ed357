package door

import (
	"maps"
	"net/http"
)

// unknownHeader tells the node that has handed a request on that the connection is not here, so that it asks the next
// one.
const unknownHeader = "X-Signalr-Unknown-Here"

// SayUnknown marks an answer as that of a node which does not have the connection.
func SayUnknown(w http.ResponseWriter) { w.Header().Set(unknownHeader, "1") }

// Passed passes an answer on, unless it says that the other node does not have the connection.
type Passed struct {
	http.ResponseWriter

	header  http.Header
	written bool
	unknown bool
}

// NewPassed returns a writer that passes an answer on to w.
func NewPassed(w http.ResponseWriter) *Passed {
	return &Passed{ResponseWriter: w, header: maps.Clone(w.Header())}
}

// IsUnknown says whether the other node does not have the connection. Nothing was passed on then.
func (a *Passed) IsUnknown() bool { return a.unknown }

// Unwrap is for [http.ResponseController].
func (a *Passed) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header returns the answer's own header until the answer is passed on.
func (a *Passed) Header() http.Header {
	if a.written {
		return a.ResponseWriter.Header() // for trailers
	}
	return a.header
}

// WriteHeader decides whether the answer is passed on.
func (a *Passed) WriteHeader(status int) {
	if a.written || a.unknown {
		return
	}
	if a.unknown = a.header.Get(unknownHeader) != ""; a.unknown {
		return
	}
	a.written = true
	to := a.ResponseWriter.Header()
	clear(to)
	maps.Copy(to, a.header)
	a.ResponseWriter.WriteHeader(status)
}

// Write passes the body on.
func (a *Passed) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.unknown {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b) //nolint:wrapcheck // it is one itself
}
