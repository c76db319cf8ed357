package adminapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/yummyzoom/herald/internal/auth"
)

// fieldErrors maps a field to its errors.
type fieldErrors map[string][]string

func (e fieldErrors) add(field, message string) { e[field] = append(e[field], message) }

// problem is an answer that is not a success, in the form of RFC 9457. It is an error so that it can be returned as
// one.
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
		Type: problemReference(status), Title: http.StatusText(status), Status: status, Detail: detail,
		header: http.Header{},
	}
}

// invalid is ASP.NET Core's ValidationProblemDetails.
func invalid(errs fieldErrors) *problem {
	p := newProblem(http.StatusBadRequest, "")
	p.Title = "One or more validation errors occurred."
	p.Errors = errs
	return p
}

func tooMany(detail string, wait time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, detail)
	p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return p
}

// unauthorized answers a request without a token, or with a token that was refused with err.
func unauthorized(err error) *problem {
	challenge := "Bearer"
	if refusal, ok := errors.AsType[*auth.TokenError](err); ok {
		challenge = refusal.Challenge()
	}
	p := newProblem(
		http.StatusUnauthorized, "A valid token is required: Authorization: Bearer, or the query value access_token.",
	)
	p.header.Set("WWW-Authenticate", challenge)
	return p
}

// problemReference links to the section that defines the status, as ASP.NET Core does.
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
	case http.StatusConflict:
		return rfc9110 + "15.5.10"
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
