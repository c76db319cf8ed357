package adminapi

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// fieldErrors maps a field to what is wrong with it.
type fieldErrors map[string][]string

func (e fieldErrors) add(field, message string) { e[field] = append(e[field], message) }

// problem is an answer that is not a success, in the form of RFC 9457. A problem is an error so that it can be returned.
type problem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Detail string      `json:"detail,omitempty"`
	Errors fieldErrors `json:"errors,omitempty"`

	header http.Header
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func newProblem(status int, detail string) *problem {
	return &problem{
		Type: problemReference(status), Title: http.StatusText(status), Status: status, Detail: detail, header: http.Header{},
	}
}

// invalid is ASP.NET Core's ValidationProblemDetails.
func invalid(errs fieldErrors) *problem {
	p := newProblem(http.StatusBadRequest, "")
	p.Title = "One or more validation errors occurred."
	p.Errors = errs
	return p
}

// unauthorized answers a request without a token, or one whose token was refused for err.
func unauthorized(err error) *problem {
	challenge := "Bearer"
	if refusal, ok := errors.AsType[*auth.TokenError](err); ok {
		challenge = refusal.Challenge()
	}
	p := newProblem(http.StatusUnauthorized, "A valid token is required: Authorization: Bearer, or the query value access_token.")
	p.header.Set("WWW-Authenticate", challenge)
	return p
}

// problemReference is the section that defines the status, as ASP.NET Core fills it in.
func problemReference(status int) string {
	const rfc9110 = "https://tools.ietf.org/html/rfc9110#section-"
	switch status {
	case http.StatusBadRequest:
		return rfc9110 + "15.5.1"
	case http.StatusUnauthorized:
		return rfc9110 + "15.5.2"
	case http.StatusForbidden:
		return rfc9110 + "15.5.4"
	case http.StatusNotFound:
		return rfc9110 + "15.5.5"
	case http.StatusMethodNotAllowed:
		return rfc9110 + "15.5.6"
	case http.StatusRequestEntityTooLarge:
		return rfc9110 + "15.5.14"
	case http.StatusUnsupportedMediaType:
		return rfc9110 + "15.5.16"
	case http.StatusTooManyRequests:
		return "https://tools.ietf.org/html/rfc6585#section-4"
	case http.StatusInternalServerError:
		return rfc9110 + "15.6.1"
	case http.StatusServiceUnavailable:
		return rfc9110 + "15.6.4"
	default:
		return "about:blank"
	}
}

func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	maps.Copy(w.Header(), p.header)
	a.write(w, r, p.Status, problemType, p)
}

func (a *API) write(w http.ResponseWriter, r *http.Request, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store") // answers are about one user, at one moment
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(&patientWriter{w, http.NewResponseController(w), a.cfg.WriteTimeout})
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		a.logger.DebugContext(r.Context(), "an answer could not be written", slog.Any("error", err))
	}
}

// patientWriter gives a client that reads slowly its time for each piece, and one that does not read at all no more than that: a page
// of events may have many megabytes.
type patientWriter struct {
	to         io.Writer
	controller *http.ResponseController
	timeout    time.Duration
}

func (p *patientWriter) Write(b []byte) (written int, err error) {
	const piece = 64 << 10
	for rest := range slices.Chunk(b, piece) {
		_ = p.controller.SetWriteDeadline(time.Now().Add(p.timeout)) // a test's recorder takes none
		n, err := p.to.Write(rest)
		written += n
		if err != nil {
			return written, err //nolint:wrapcheck // the encoder's caller logs it
		}
	}
	return written, nil
}
