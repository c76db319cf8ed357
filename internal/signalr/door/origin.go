package door

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// The headers that @microsoft/signalr sends in requests to another origin: FetchHttpClient.ts, XhrHttpClient.ts,
// AccessTokenHttpClient.ts, LongPollingTransport.ts and Utils.ts. Cache-Control is from polyfills of EventSource.
const (
	corsHeaders = "authorization, cache-control, content-type, x-requested-with, x-signalr-connection-token, x-signalr-user-agent"
	Methods     = "GET, POST, DELETE, OPTIONS"
	corsMaxAge  = "7200" // seconds; the longest that Chromium honours
)

// Origins are the origins, in canonical form, whose pages may connect.
type Origins []string

// NewOrigins returns the origins in allowed, see [IsOrigin].
func NewOrigins(allowed []string) Origins {
	o := make(Origins, 0, len(allowed))
	for _, origin := range allowed {
		o = append(o, canonicalOrigin(origin))
	}
	return o
}

// Admit sets the CORS headers for requests of pages that may connect, and returns false for other pages. It comes
// before every other check, so that a page can read every answer. Browsers hold WebSockets to no such headers. So the
// request itself is refused: a page of another site could otherwise connect with the user's cookies or token. A page
// without an origin of its own ("null": a sandboxed frame, a file) is never allowed.
func (o Origins) Admit(h http.Header, r *http.Request) bool {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	one := len(r.Header.Values("Origin")) == 1
	if !one || !o.Allow(origin) {
		return one && sameOrigin(origin, r.Host)
	}
	h.Set("Access-Control-Allow-Origin", origin) // in the browser's form: it compares the text
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method == http.MethodOptions {
		allowPreflight(h, r)
	}
	return true
}

// Allow says whether pages of another origin may connect.
func (o Origins) Allow(origin string) bool {
	origin = canonicalOrigin(origin)
	return slices.ContainsFunc(o, func(allowed string) bool {
		if host, wild := strings.CutSuffix(allowed, anyPort); wild {
			port, found := strings.CutPrefix(origin, host)
			return found && (port == "" || port[0] == ':' && strings.Trim(port[1:], "0123456789") == "")
		}
		return allowed == origin
	})
}

// anyPort stands in place of a port where all are allowed.
const anyPort = ":*"

// allowPreflight allows every method and header that the client library sends, and the headers that the page adds by
// its options. The latter mean nothing here, but may mean something to a proxy in between.
func allowPreflight(h http.Header, r *http.Request) {
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", Methods)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	headers := corsHeaders
	if asked := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ", "); asked != "" {
		headers += ", " + asked
	}
	h.Set("Access-Control-Allow-Headers", headers)
}

// IsOrigin says whether text is one origin: a scheme and a host in ASCII, as browsers write them, with or without a
// port, or with * for any port.
func IsOrigin(text string) bool {
	text, wild := strings.CutSuffix(text, anyPort)
	u, err := url.Parse(text)
	return err == nil && (!wild || u.Port() == "") && u.Hostname() != "" &&
		strings.EqualFold(text, u.Scheme+"://"+u.Host) &&
		!strings.ContainsFunc(text, func(c rune) bool { return c == '*' || c > unicode.MaxASCII })
}

// canonicalOrigin returns the one form of an origin: in lower case, and without a port that is the scheme's own.
func canonicalOrigin(origin string) string {
	origin = strings.ToLower(origin)
	scheme, _, _ := strings.Cut(origin, "://")
	return withoutPort(origin, scheme)
}

// withoutPort leaves out the scheme's own port.
func withoutPort(host, scheme string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// sameOrigin does not compare the scheme: behind a proxy that ends TLS, the server does not know its own.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" &&
		withoutPort(strings.ToLower(u.Host), u.Scheme) == withoutPort(strings.ToLower(host), u.Scheme)
}
