package app

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/hubs"
)

// paths are those of the hubs and of the REST API. They are served in any case, and with or without a slash behind
// them, as ASP.NET Core serves them. Such a request is passed on with the published spelling, without a redirect,
// which many clients do not follow with a POST or a WebSocket. So logs, metrics and answers know one spelling only.
type paths struct {
	published map[string]bool
	segments  [][]string // of each path, in no order; a segment in braces stands for a value
}

func newPaths(h *hubs.Hubs) *paths {
	p := &paths{published: map[string]bool{}}
	for path := range h.Methods() {
		for _, path := range hubs.Paths(path) {
			p.add(path)
		}
	}
	for _, endpoint := range adminapi.Endpoints() {
		p.add(endpoint.Path)
	}
	return p
}

func (p *paths) add(path string) {
	if !p.published[path] {
		p.published[path] = true
		p.segments = append(p.segments, strings.Split(path, "/"))
	}
}

// inAnyCase passes requests on to next.
func (p *paths) inAnyCase(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.published[r.URL.Path] {
			r = p.respelt(r)
		}
		next.ServeHTTP(w, r)
	})
}

// respelt returns r with the published path that it means, or unchanged.
func (p *paths) respelt(r *http.Request) *http.Request {
	asked := strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	at := slices.IndexFunc(p.segments, func(published []string) bool { return slices.EqualFunc(published, asked, means) })
	if at < 0 {
		return r
	}
	for i, segment := range p.segments[at] {
		if !isValue(segment) {
			asked[i] = segment
		}
	}
	escaped := strings.Join(asked, "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return r
	}
	respelt, u := *r, *r.URL
	u.Path, u.RawPath = path, escaped
	respelt.URL = &u
	return &respelt
}

func isValue(segment string) bool { return strings.HasPrefix(segment, "{") }

// means says whether a segment of a request's path equals a published one. Letters of other alphabets that fold to
// an ASCII letter do not count.
func means(published, asked string) bool {
	if isValue(published) {
		return asked != ""
	}
	plain, err := url.PathUnescape(asked)
	return err == nil && len(plain) == len(published) && strings.EqualFold(plain, published)
}
