package transport

import "net/http"

// NeverStored says what .NET says of a poll's answer.
func NeverStored(h http.Header) {
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
}

// writeEmpty answers without a body. What answers a poll has a Content-Type all the same, as .NET has it.
func writeEmpty(w http.ResponseWriter, status int, contentType string) {
	w.Header().Set("Content-Type", contentType)
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
}

// WriteFirst answers the poll that has opened the connection: the client may post now.
func WriteFirst(w http.ResponseWriter) { writeEmpty(w, http.StatusOK, octetStream) }
