package signalr

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// negotiation is the response of negotiate (TransportProtocols.md). Version 0 has no token: its id is the secret.
type negotiation struct {
	Version         int                  `json:"negotiateVersion"`
	ConnectionID    string               `json:"connectionId"`
	ConnectionToken string               `json:"connectionToken,omitempty"`
	Transports      []availableTransport `json:"availableTransports"`
	Stateful        bool                 `json:"useStatefulReconnect,omitempty"`
	Lifetime        *int32               `json:"tokenLifetimeSeconds,omitempty"`
}

type availableTransport struct {
	Transport string   `json:"transport"`
	Formats   []string `json:"transferFormats"`
}

type negotiationError struct {
	Error string `json:"error"`
}

func (s *Server) negotiate(w http.ResponseWriter, r *http.Request, hub *Hub, user User) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeText(w, http.StatusMethodNotAllowed, "")
		return
	}
	version, text := negotiateVersion(r)
	if text != "" {
		writeJSON(w, negotiationError{Error: text})
		return
	}
	stateful := !s.cfg.NoStatefulReconnect && wantsStatefulReconnect(r)
	token, id := s.tickets.issue(hub.name, user.ID(), stateful)
	response := negotiation{
		Version:         version,
		ConnectionID:    id,
		ConnectionToken: token,
		Transports:      s.cfg.Transports.available(),
		Stateful:        stateful,
	}
	if version == 0 {
		response.ConnectionID, response.ConnectionToken = token, ""
	} else {
		response.Lifetime = lifetime(user, time.Now())
	}
	writeJSON(w, response)
}

// negotiateVersion follows HttpConnectionDispatcher.ProcessNegotiate: no version is 0, any above 1 is answered with 1.
func negotiateVersion(r *http.Request) (version int, text string) {
	value, ok := queryValue(r, "negotiateVersion")
	if !ok {
		return 0, ""
	}
	version, err := strconv.Atoi(strings.TrimSpace(value))
	switch {
	case err != nil:
		return 0, "The client requested a non-integer protocol version."
	case version < 0:
		return 0, "The client requested version '" + strconv.Itoa(version) + "', but the server does not support this version."
	}
	return min(version, 1), ""
}

func wantsStatefulReconnect(r *http.Request) bool {
	value, _ := queryValue(r, "useStatefulReconnect")
	return strings.EqualFold(strings.TrimSpace(value), "true")
}

// queryValue ignores the name's case, as ASP.NET Core does.
func queryValue(r *http.Request, name string) (string, bool) {
	for key, values := range r.URL.Query() {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

func writeJSON(w http.ResponseWriter, value any) { writeJSONStatus(w, http.StatusOK, value) }

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

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) //nolint:gosec // plain text, of which nothing is the client's; whoever has gone away does not need it
}
