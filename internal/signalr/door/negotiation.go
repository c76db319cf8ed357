package door

import (
	"net/http"
	"strconv"
	"strings"
)

// Negotiation is the response of negotiate (TransportProtocols.md). Version 0 has no token: its id is the secret.
type Negotiation struct {
	Version         int     `json:"negotiateVersion"`
	ConnectionID    string  `json:"connectionId"`
	ConnectionToken string  `json:"connectionToken,omitempty"`
	Transports      []Offer `json:"availableTransports"`
	Stateful        bool    `json:"useStatefulReconnect,omitempty"`
	Lifetime        *int32  `json:"tokenLifetimeSeconds,omitempty"`
}

// Offer is a transport that negotiate offers, with the formats that it carries.
type Offer struct {
	Transport string   `json:"transport"`
	Formats   []string `json:"transferFormats"`
}

// NegotiationError is the response of negotiate to a client that the server cannot talk to.
type NegotiationError struct {
	Error string `json:"error"`
}

// NegotiateVersion follows HttpConnectionDispatcher.ProcessNegotiate: no version means 0, and any above 1 is answered
// with 1.
func NegotiateVersion(r *http.Request) (version int, text string) {
	value, ok := Query(r, "negotiateVersion")
	if !ok {
		return 0, ""
	}
	version, err := strconv.Atoi(strings.TrimSpace(value))
	switch {
	case err != nil:
		return 0, "The client requested a non-integer protocol version."
	case version < 0:
		return 0, "The client requested version '" + strconv.Itoa(version) +
			"', but the server does not support this version."
	}
	return min(version, 1), ""
}

// WantsStatefulReconnect says whether a negotiation asks for stateful reconnect.
func WantsStatefulReconnect(r *http.Request) bool {
	value, _ := Query(r, "useStatefulReconnect")
	return strings.EqualFold(strings.TrimSpace(value), "true")
}

// Query returns a parameter of r's URL. It ignores the case of the name, as ASP.NET Core does.
func Query(r *http.Request, name string) (string, bool) {
	for key, values := range r.URL.Query() {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
}

// IsNegotiation says whether r is for a hub's path + "/negotiate".
func IsNegotiation(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/negotiate") }
