package door

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// WriteText answers with plain text.
func WriteText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that is gone does not need it
}

// WriteJSON answers with value, which must not be stored.
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
	_, _ = w.Write(body) // a client that is gone does not need it
}

// WriteOthers answers a request for a connection of another user.
func WriteOthers(w http.ResponseWriter) {
	WriteText(w, http.StatusForbidden, "The connection belongs to another user")
}

// WriteNotServed answers a request over a transport that the server does not offer.
func WriteNotServed(w http.ResponseWriter, transport string) {
	WriteText(w, http.StatusNotFound, transport+" transport not supported by this end point type")
}

// WriteCannotChange answers a request over another transport than the connection's.
func WriteCannotChange(w http.ResponseWriter) {
	WriteText(w, http.StatusBadRequest, "Cannot change transports mid-connection")
}

// WriteUnknownID answers a request for a connection that this node does not have: the client begins anew.
func WriteUnknownID(w http.ResponseWriter) {
	WriteText(w, http.StatusNotFound, "No Connection with that ID")
}

// WritePostNotAllowed answers a POST for a connection that has a WebSocket, or can have no other transport.
func WritePostNotAllowed(w http.ResponseWriter) {
	WriteText(w, http.StatusMethodNotAllowed, "POST requests are not allowed for WebSocket connections.")
}
