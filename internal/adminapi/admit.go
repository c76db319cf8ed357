package adminapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/yummyzoom/herald/internal/auth"
	"github.com/yummyzoom/herald/internal/event"
	"github.com/yummyzoom/herald/internal/policy"
)

// access says who may use an endpoint.
type access int

const (
	anybody access = iota
	authenticated
	administrator
)

// request is an admitted request.
type request struct {
	*http.Request

	principal *auth.Principal // nil if the endpoint needs no token
}

// endpoint is one path with one method.
type endpoint struct {
	method string
	path   string
	access access
	// serve returns the answer: a [written], or a value that is encoded and answered with 200. It may fail with a
	// [*problem]; any other error is logged and answered with 500.
	serve func(r *request) (any, error)
}

// adminPath precedes the paths of the administrators' endpoints.
const adminPath = "/api/admin/realtime/"

func (a *API) endpoints() []endpoint {
	const admin, dead = adminPath, "/api/admin/outbox/dead"
	list := []endpoint{
		{http.MethodGet, admin + "health", anybody, a.health},
		{http.MethodGet, admin + "status", administrator, a.status},
		{http.MethodGet, admin + "platform-snapshot", administrator, a.platformSnapshot},
		{http.MethodGet, "/api/realtime/events", authenticated, a.events},
		{http.MethodGet, dead, administrator, a.listDead},
		{
			http.MethodPost, dead + "/{eventId}/retry", administrator,
			a.deciding("Dead letter is tried again", DeadLetters.Retry),
		},
		{http.MethodPost, dead + "/{eventId}/mend", administrator, a.mendDead},
		{http.MethodDelete, dead + "/{eventId}", administrator, a.deciding("Dead letter dropped", DeadLetters.Drop)},
		{http.MethodGet, "/api/admin/outbox/events/{eventId}", administrator, a.traceEvent},
		{http.MethodGet, connectionsPath, administrator, a.listConnections},
		{http.MethodPost, disconnectPath, administrator, a.disconnect},
		{http.MethodGet, nodesPath, administrator, a.listNodes},
		{http.MethodPost, nodesPath + "/{node}/drain", administrator, a.drainNode},
		{http.MethodGet, OpenAPIPath, anybody, openAPI},
	}
	for _, p := range publications() {
		list = append(list, endpoint{http.MethodPost, admin + p.Path, administrator, a.publishing(p)})
	}
	return list
}

func (a *API) admit(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), operationTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, bodyMaximumBytes)
		answer, err := a.answer(e, r)
		if err == nil {
			done, _ := answer.(written)
			a.write(w, r, cmp.Or(done.status, http.StatusOK), jsonType, answer)
			if done.sent != nil {
				done.sent()
			}
			return
		}
		p, ok := errors.AsType[*problem](err)
		if !ok {
			a.logger.ErrorContext(ctx, "a request failed", slog.String("path", e.path), slog.Any("error", err))
			p = newProblem(http.StatusInternalServerError, "The request could not be served.")
		}
		a.writeProblem(w, r, p)
	})
}

func (a *API) answer(e endpoint, r *http.Request) (any, error) {
	if err := checkMethod(e, r); err != nil {
		return nil, err
	}
	if e.access == anybody {
		return e.serve(&request{Request: r})
	}
	principal, err := a.cfg.Authenticator.FromRequest(r)
	if err != nil {
		a.audit.Refused(r.Context(), e.entry(nil), err)
		return nil, unauthorized(err)
	}
	if e.access == administrator {
		if err := a.authorize(r.Context(), principal, event.Admins); err != nil {
			a.audit.Refused(r.Context(), e.entry(principal), err)
			return nil, err
		}
	}
	if wait := a.limiter.wait(a.cfg.Now(), principal.Subject, e.path); wait > 0 {
		return nil, tooMany("Too many requests to this endpoint: wait as long as Retry-After says.", wait)
	}
	answer, err := e.serve(&request{Request: r, principal: principal})
	a.note(r.Context(), e.entry(principal), answer, err)
	return answer, err
}

func checkMethod(e endpoint, r *http.Request) error {
	allow := e.method
	if e.method == http.MethodGet {
		if r.Method == http.MethodHead {
			return nil
		}
		allow = "GET, HEAD"
	}
	if r.Method == e.method {
		return nil
	}
	p := newProblem(http.StatusMethodNotAllowed, "This path answers to "+allow+".")
	p.header.Set("Allow", allow)
	return p
}

// authorize turns the policy's answer into a problem.
func (a *API) authorize(ctx context.Context, p *auth.Principal, g event.Group) error {
	err := a.cfg.Authorizer.Authorize(ctx, p, g)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, policy.ErrUnauthorized):
		return unauthorized(&auth.TokenError{Reason: auth.Expired, Detail: "it expired meanwhile", Err: err})
	default:
		return newProblem(http.StatusForbidden, "The token does not permit this.")
	}
}
