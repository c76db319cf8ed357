package door

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

func WriteText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) //nolint:gosec // plain text, of which nothing is the client's; whoever has gone away does not need it
}

func WriteJSON(w http.ResponseWriter, value any) { writeJSONStatus(w, http.StatusOK, value) }

func writeJSONStatus(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever has gone away does not need it
}

// NeverStored says what .NET says of a poll's answer.
func NeverStored(h http.Header) {
	h.Set("Cache-Control", "no-cache, no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
}

func WriteEmpty(w http.ResponseWriter, status int, contentType string) {
	w.Header().Set("Content-Type", contentType)
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
}

func WriteOthers(w http.ResponseWriter) {
	WriteText(w, http.StatusForbidden, "The connection belongs to another user")
}

func WriteNotServed(w http.ResponseWriter, transport string) {
	WriteText(w, http.StatusNotFound, transport+" transport not supported by this end point type")
}

func WriteCannotChange(w http.ResponseWriter) {
	WriteText(w, http.StatusBadRequest, "Cannot change transports mid-connection")
}

func WriteUnknownID(w http.ResponseWriter) {
	WriteText(w, http.StatusNotFound, "No Connection with that ID")
}

func WritePostNotAllowed(w http.ResponseWriter) {
	WriteText(w, http.StatusMethodNotAllowed, "POST requests are not allowed for WebSocket connections.")
}
