package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
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

// payloadScanner reads the members of a payload one after another, as they stand there, without copying them or allocating. It takes
// what encoding/json takes for valid, and passes on only what clients can read. Every event of every node passes here.
type payloadScanner struct {
	data    []byte
	pos     int
	begun   bool
	levels  int    // that the payload may have in its message
	problem string // why next has ended, or empty
}

// scanPayload is for payloads whose members are passed on.
func scanPayload(payload []byte) payloadScanner {
	return payloadScanner{data: payload, levels: MaxLevels}
}

// scanUsed is for payloads of which only the named fields are passed on: what else is in them does not matter.
func scanUsed(payload []byte) payloadScanner {
	const asDeepAsJSON = 10_000 // encoding/json's own limit
	return payloadScanner{data: payload, levels: asDeepAsJSON}
}

// next returns the next member: its name, and its value as it stands in the payload. It returns false behind the last one, or where
// there is a problem.
func (s *payloadScanner) next() (name, value []byte, ok bool) {
	switch {
	case s.problem != "":
		return nil, nil, false
	case !s.begun:
		s.begun = true
		if !s.take('{') {
			s.fail("it is not a JSON object")
			return nil, nil, false
		}
		if s.take('}') {
			s.end()
			return nil, nil, false
		}
	case s.take('}'):
		s.end()
		return nil, nil, false
	case !s.take(','):
		s.fail("")
		return nil, nil, false
	}
	if name, ok = s.key(); !ok {
		return nil, nil, false
	}
	start := s.pos
	if !s.value(PayloadLevel + 1) {
		return nil, nil, false
	}
	return name, s.data[start:s.pos:s.pos], true
}

// err is why the payload does not fit, or nil.
func (s *payloadScanner) err(e *Event) error {
	if s.problem == "" {
		return nil
	}
	return e.undeliverable("payload: %s", s.problem)
}

// fail notes the first problem, and always returns false.
func (s *payloadScanner) fail(problem string) bool {
	if s.problem == "" {
		if problem == "" {
			problem = fmt.Sprintf("it is not JSON, at byte %d", s.pos)
		}
		s.problem = problem
	}
	return false
}

func (s *payloadScanner) end() {
	s.space()
	if s.pos != len(s.data) {
		s.fail("")
	}
}

// key takes a name, without its quotes, and the colon behind it, with the space around that.
func (s *payloadScanner) key() (name []byte, ok bool) {
	s.space()
	start := s.pos
	escaped, ok := s.text()
	if !ok {
		return nil, false
	}
	name = s.data[start+1 : s.pos-1]
	if escaped {
		name = []byte(unquote(s.data[start:s.pos]))
	}
	if s.levels == MaxLevels && string(name) == ForbiddenKey {
		return nil, s.fail("it has a key named " + ForbiddenKey + ", over which clients end that speak MessagePack")
	}
	if !s.take(':') {
		return nil, s.fail("")
	}
	s.space()
	return name, true
}

// value takes a value of any kind; an object or list is at level.
func (s *payloadScanner) value(level int) bool {
	if s.pos == len(s.data) {
		return s.fail("")
	}
	switch c := s.data[s.pos]; c {
	case '"':
		_, ok := s.text()
		return ok
	case '{', '[':
		if level > s.levels {
			return s.fail(fmt.Sprintf("it nests deeper than clients read, %d levels of the whole message", MaxLevels))
		}
		s.pos++
		return s.items(c == '{', level)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *payloadScanner) items(object bool, level int) bool {
	closing := byte(']')
	if object {
		closing = '}'
	}
	if s.take(closing) {
		return true
	}
	for {
		if object {
			if _, ok := s.key(); !ok {
				return false
			}
		}
		s.space()
		if !s.value(level + 1) {
			return false
		}
		if s.take(closing) {
			return true
		}
		if !s.take(',') {
			return s.fail("")
		}
	}
}

// text takes a string, and says whether it has escapes.
func (s *payloadScanner) text() (escaped, ok bool) {
	if s.pos == len(s.data) || s.data[s.pos] != '"' {
		return false, s.fail("")
	}
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return escaped, true
		case c < ' ':
			return false, s.fail("")
		case c == '\\':
			escaped = true
			n := escape(s.data[i+1:])
			if n == 0 {
				return false, s.fail("")
			}
			i += n
		}
	}
	return false, s.fail("")
}

// escape returns how many bytes follow the backslash of an escape, or 0 for none that JSON has.
func escape(b []byte) int {
	const unicode = len("u0000")
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < unicode {
			return 0
		}
		for _, c := range b[1:unicode] {
			if (c < '0' || c > '9') && (c|' ' < 'a' || c|' ' > 'f') {
				return 0
			}
		}
		return unicode
	default:
		return 0
	}
}

func (s *payloadScanner) number() bool {
	s.skip('-')
	switch {
	case s.skip('0'):
	case s.digits() == 0:
		return s.fail("")
	}
	if s.skip('.') && s.digits() == 0 {
		return s.fail("")
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		if s.digits() == 0 {
			return s.fail("")
		}
	}
	return true
}

func (s *payloadScanner) digits() (n int) {
	for ; s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9'; s.pos++ {
		n++
	}
	return n
}

func (s *payloadScanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.fail("")
	}
	s.pos += len(word)
	return true
}

// take takes c with the space before it, skip without.
func (s *payloadScanner) take(c byte) bool {
	s.space()
	return s.skip(c)
}

func (s *payloadScanner) skip(c byte) bool {
	if s.pos == len(s.data) || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *payloadScanner) space() {
	for s.pos < len(s.data) && (s.data[s.pos] == ' ' || s.data[s.pos] == '\n' || s.data[s.pos] == '\r' || s.data[s.pos] == '\t') {
		s.pos++
	}
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
