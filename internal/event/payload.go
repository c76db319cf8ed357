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
	// MaxLevels is how deeply a message nests that clients can read, its own object and the list of its arguments included: System.Text.Json
	// gives up behind it.
	MaxLevels = 64
	// PayloadLevel is the level of an event's object in its message, behind those two.
	PayloadLevel = 3
	// ForbiddenKey is what no object of an event may have for a key: Microsoft's MessagePack client ends over it.
	ForbiddenKey = "__proto__"
)

// payloadScanner reads the members of a payload one after another, as they stand there, without copying them or allocating. It
// takes what encoding/json takes for valid, and passes on only what clients can read.
type payloadScanner struct {
	json    jsonscan.Scanner
	begun   bool
	problem string // why next has ended, or empty
}

// scanPayload is for payloads whose members are passed on.
func scanPayload(payload []byte) payloadScanner {
	return payloadScanner{json: jsonscan.Forbidding(payload, MaxLevels-PayloadLevel+1, ForbiddenKey)}
}

// scanUsed is for payloads of which only the named fields are passed on: what else is in them does not matter.
func scanUsed(payload []byte) payloadScanner {
	const asDeepAsJSON = 10_000 // encoding/json's own limit
	return payloadScanner{json: jsonscan.New(payload, asDeepAsJSON)}
}

// next returns the next member: its name, and its value as it stands in the payload. It returns false behind the last one, or where
// there is a problem.
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

// isNull says whether a value is null, or not there.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }

func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// Blanks are the characters that say nothing in a text.
const Blanks = " \t\n\v\f\r"

// isText says whether a value is a string that says something. What a space is beyond ASCII depends on whom one asks, so those say something.
func isText(value []byte) bool {
	if !isString(value) {
		return false
	}
	if first := value[1]; first > ' ' && first != '"' && first != '\\' { // nearly all
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

// unquote returns what a JSON string says, and nothing for any other value.
func unquote(value []byte) (text string) {
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}

// textOf is what a JSON string says, and nothing of any other value. It copies only what has escapes.
func textOf(value []byte) []byte {
	if !isString(value) || bytes.IndexByte(value, '\\') >= 0 {
		return []byte(unquote(value))
	}
	return value[1 : len(value)-1]
}
