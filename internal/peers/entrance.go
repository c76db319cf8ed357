package peers

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

const (
	pingPath      = "/ping"
	refusedHeader = "X-Herald-Node-Refused"
)

// IsEntrance says whether a request is for the entrance.
func IsEntrance(r *http.Request) bool {
	return r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/")
}

type speakerKey struct{}

// Speaker is the node that sent the request with this context; false: a client sent it.
func Speaker(ctx context.Context) (uuid.UUID, bool) {
	node, ok := ctx.Value(speakerKey{}).(uuid.UUID)
	return node, ok
}

// Entrance takes the requests of other nodes, under [Path], and passes them on to next as their clients sent them:
// with the client's address, scheme and host, and without Path. It is closed to all clients, whatever token they
// have. next judges the request itself and its user, as with every other request.
func (p *Peers) Entrance(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, proof, refusal := p.open(r.Context(), r)
		if proof != "" {
			w.Header().Set(proofHeader, proof)
		}
		if refusal != "" {
			p.turnAway(w, r, refusal)
			return
		}
		ctx := context.WithValue(p.cfg.Forwarded(r.Context()), speakerKey{}, t.from)
		if r.URL.Path == Path+pingPath {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, restored(r.WithContext(ctx), t))
	})
}

// turnAway answers a request that no node has sent to this one. The answer says no more than another node needs for
// its operator.
func (p *Peers) turnAway(w http.ResponseWriter, r *http.Request, refusal Refusal) {
	p.cfg.Metrics.refused.WithLabelValues(string(refusal)).Inc()
	p.cfg.Logger.LogAttrs(r.Context(), slog.LevelWarn, "the entrance for other nodes refuses a request",
		slog.String("reason", string(refusal)), slog.String("from", r.RemoteAddr))
	h := w.Header()
	h.Set(refusedHeader, string(refusal))
	h.Set("Content-Type", "text/plain")
	status := http.StatusUnauthorized
	if refusal == OtherNode {
		status = http.StatusMisdirectedRequest
	}
	if r.ContentLength != 0 {
		h.Set("Connection", "close") // its body is not read
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte("for nodes only")) // the client may be gone
}

// restored is the request as its client sent it to the node of the ticket t.
func restored(r *http.Request, t ticket) *http.Request {
	for _, name := range claims {
		r.Header.Del(name)
	}
	u := *r.URL
	u.Path = strings.TrimPrefix(r.URL.Path, Path)
	u.RawPath = strings.TrimPrefix(r.URL.EscapedPath(), Path)
	if u.RawPath == (&url.URL{Path: u.Path}).EscapedPath() {
		u.RawPath = ""
	}
	r.URL, r.RequestURI = &u, u.RequestURI()
	r.Host, r.RemoteAddr = t.host, ""
	if t.client.IsValid() {
		r.RemoteAddr = netip.AddrPortFrom(t.client, 0).String()
	}
	proto := "http"
	if t.secure {
		proto = "https"
	}
	r.Header.Set("X-Forwarded-Proto", proto)
	return r
}
