package transport

import "net/http"

// NeverStored sets the caching headers of .NET's poll answers.
func NeverStored(h http.Header) {
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
}

// writeEmpty answers without a body. The answer has a Content-Type all the same, as in .NET.
func writeEmpty(w http.ResponseWriter, status int, contentType string) {
	w.Header().Set("Content-Type", contentType)
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
}

// WriteFirst answers the poll that has opened the connection: the client may post now.
func WriteFirst(w http.ResponseWriter) { writeEmpty(w, http.StatusOK, octetStream) }
