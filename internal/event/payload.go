package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/yummyzoom/herald/internal/jsonscan"
)

const (
	// MaxLevels is the deepest nesting of a message that clients can read, its own object and the list of its arguments
	// included. System.Text.Json fails beyond it.
	MaxLevels = 64
	// PayloadLevel is the level of an event's object in its message, below those two.
	PayloadLevel = 3
	// ForbiddenKey is a key that no object of an event may have: Microsoft's MessagePack client ends its connection
	// over it.
	ForbiddenKey = "__proto__"
)

// payloadScanner reads the members of a payload in turn, unchanged, without copying or allocating. It accepts what
// encoding/json accepts, and passes on only what clients can read.
type payloadScanner struct {
	json    jsonscan.Scanner
	begun   bool
	problem string // why next has ended, or empty
}

// scanPayload scans a payload whose members are all passed on.
func scanPayload(payload []byte) payloadScanner {
	return payloadScanner{json: jsonscan.Forbidding(payload, MaxLevels-PayloadLevel+1, ForbiddenKey)}
}

// scanUsed scans a payload of which only the named fields are passed on; its other fields do not matter.
func scanUsed(payload []byte) payloadScanner {
	const asDeepAsJSON = 10_000 // encoding/json's own limit
	return payloadScanner{json: jsonscan.New(payload, asDeepAsJSON)}
}

// next returns the next member: its name, and its value as it stands in the payload. It returns false at the end or
// at a problem.
func (s *payloadScanner) next() (name, value []byte, ok bool) {
	if s.problem != "" {
		return nil, nil, false
	}
	first := !s.begun
	if first {
		s.begun = true
		if s.json.Open('{') != nil {
			s.problem = "it is not a JSON object"
			return nil, nil, false
		}
	}
	more, err := s.json.More(first, '}')
	if err == nil && more {
		if name, err = s.json.Name(); err == nil {
			value, err = s.json.Value()
		}
	}
	if err != nil || !more && !s.json.End() {
		s.problem = s.problemOf(err)
		return nil, nil, false
	}
	return name, value, more
}

func (s *payloadScanner) problemOf(err error) string {
	switch {
	case errors.Is(err, jsonscan.ErrLevels):
		return fmt.Sprintf("it nests deeper than clients read, %d levels of the whole message", MaxLevels)
	case errors.Is(err, jsonscan.ErrForbidden):
		return "it has a key named " + ForbiddenKey + ", over which clients end that speak MessagePack"
	default:
		return fmt.Sprintf("it is not JSON, at byte %d", s.json.Pos())
	}
}

// err is why the payload does not fit, or nil.
func (s *payloadScanner) err(e *Event) error {
	if s.problem == "" {
		return nil
	}
	return e.undeliverable("payload: %s", s.problem)
}

// isNull says whether a value is null or missing.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// Blanks are the characters of a blank text.
const Blanks = " \t\n\v\f\r"

// isText says whether a value is a string that is not blank. Libraries differ about spaces beyond ASCII, so those do
// not count as blank.
func isText(value []byte) bool {
	if !isString(value) {
		return false
	}
	if first := value[1]; first > ' ' && first != '"' && first != '\\' { // nearly all texts
		return true
	}
	return strings.Trim(unquote(value), Blanks) != ""
}

func isNumber(value []byte) bool {
	return len(value) > 0 && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}

// orNull returns the value, or null where there is none.
func orNull(value []byte) json.RawMessage {
	if len(value) == 0 {
		return json.RawMessage("null")
	}
	return value
}

// unquote returns a JSON string's text, and "" for any other value.
func unquote(value []byte) (text string) {
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}

// textOf returns a JSON string's text, and nothing for any other value. It copies only strings with escapes.
func textOf(value []byte) []byte {
	if !isString(value) || bytes.IndexByte(value, '\\') >= 0 {
		return []byte(unquote(value))
	}
	return value[1 : len(value)-1]
}
