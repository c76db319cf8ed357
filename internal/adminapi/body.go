package adminapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/event"
)

// bodyMaximumBytes is the outbox's own limit for a payload.
const bodyMaximumBytes = 64 << 10

// readBody reads a JSON object, or returns a [*problem]: 415, 413 or 400.
func readBody(r *http.Request) (*body, error) {
	value, err := readJSON(r)
	if err != nil {
		return nil, err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("The body must be a JSON object.")
	}
	return &body{fields: fields, read: map[string]bool{}, errors: fieldErrors{}}, nil
}

// ignoreBody is for endpoints that take no body. A body is held to the same rules nevertheless, so that a sender
// that confuses two endpoints learns of it; its content is not used.
func ignoreBody(r *http.Request) error {
	start := bufio.NewReader(r.Body)
	if _, err := start.Peek(1); errors.Is(err, io.EOF) {
		return nil
	}
	r.Body = io.NopCloser(start)
	_, err := readJSON(r)
	return err
}

func readJSON(r *http.Request) (any, error) {
	if err := checkContentType(r.Header); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return nil, newProblem(http.StatusRequestEntityTooLarge,
				fmt.Sprintf("The body is larger than %d bytes.", bodyMaximumBytes))
		}
		return nil, malformed("The body could not be read to its end.")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, malformed("The body is not valid JSON.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("There is something behind the JSON value.")
	}
	return value, nil
}

// malformed names the body as a whole as ASP.NET Core does.
func malformed(message string) *problem { return invalid(fieldErrors{"$": {message}}) }

func checkContentType(h http.Header) error {
	unsupported := func(detail string) error { return newProblem(http.StatusUnsupportedMediaType, detail) }
	mediaType, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	isJSON := mediaType == jsonType ||
		(strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"))
	if err != nil || !isJSON {
		return unsupported("The body must have the Content-Type application/json.")
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported("JSON is UTF-8; another charset is not supported.")
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return unsupported("A body with a Content-Encoding is not supported.")
	}
	return nil
}

const idempotencyHeader = "Idempotency-Key"

// idempotencyKey returns the event id that the sender chose, or uuid.Nil. The draft of the header's specification
// puts the key in quotes; most users do not. Both are accepted.
func idempotencyKey(h http.Header) (id uuid.UUID, ok bool) {
	values := h.Values(idempotencyHeader)
	if len(values) == 0 {
		return uuid.Nil, true
	}
	id, ok = event.ParseID(strings.Trim(values[0], `"`))
	return id, ok && len(values) == 1 && id != uuid.Nil
}

// keyBeside returns the [idempotencyKey], or what is wrong with the request. err is the body's error; if it names
// fields, a bad key is named beside them.
func keyBeside(err error, h http.Header) (uuid.UUID, error) {
	key, ok := idempotencyKey(h)
	if ok {
		return key, err
	}
	p, named := errors.AsType[*problem](err)
	switch {
	case err == nil:
		p = invalid(fieldErrors{})
	case !named || p.Errors == nil:
		return uuid.Nil, err
	}
	p.Errors.add(idempotencyHeader, "The header must be one UUID, and not the all-zero one.")
	return uuid.Nil, p
}

// encode writes v as JSON without HTML escapes.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding a payload: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
