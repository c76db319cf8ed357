package signalr

import (
	"net/http"
	"strconv"
	"strings"
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

func isNegotiation(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/negotiate") }
