package signalr

import "encoding/json"

// maxDepth is how deeply arrays and objects may nest: MaxDepth of JsonHubProtocol.
const maxDepth = 64

// scanner walks JSON text without building anything. It accepts exactly RFC 8259, to maxDepth.
type scanner struct {
	data []byte
	pos  int
}

// kind is the sort of a JSON value, named by its first byte.
type kind byte

const (
	object  kind = '{'
	array   kind = '['
	str     kind = '"'
	number  kind = '0'
	boolean kind = 't'
	null    kind = 'n'
)

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// next skips white space and takes c if that follows.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// end reports whether nothing but white space is left.
func (s *scanner) end() bool {
	s.space()
	return s.pos == len(s.data)
}

// value takes one value, depth levels below the top.
func (s *scanner) value(depth int) ([]byte, kind, error) {
	s.space()
	if s.pos == len(s.data) {
		return nil, 0, malformedf("unexpected end of JSON")
	}
	start := s.pos
	var k kind
	var err error
	switch c := s.data[s.pos]; {
	case c == '{':
		k, err = object, s.members(depth+1, func([]byte) error { return s.skip(depth + 1) })
	case c == '[':
		k, err = array, s.items(depth+1, func([]byte) {})
	case c == '"':
		k, err = str, s.text()
	case c == 't':
		k, err = boolean, s.literal("true")
	case c == 'f':
		k, err = boolean, s.literal("false")
	case c == 'n':
		k, err = null, s.literal("null")
	default:
		k, err = number, s.number()
	}
	return s.data[start:s.pos], k, err
}

func (s *scanner) skip(depth int) error {
	_, _, err := s.value(depth)
	return err
}

// members takes an object and calls member behind each name and colon, to take the value. The name is still quoted.
func (s *scanner) members(depth int, member func(name []byte) error) error {
	if depth > maxDepth {
		return malformedf("JSON nests deeper than %d", maxDepth)
	}
	if !s.next('{') {
		return malformedf("not a JSON object")
	}
	if s.next('}') {
		return nil
	}
	for {
		s.space()
		start := s.pos
		if err := s.text(); err != nil {
			return err
		}
		name := s.data[start:s.pos]
		if !s.next(':') {
			return malformedf("no colon behind a property name")
		}
		if err := member(name); err != nil {
			return err
		}
		if s.next(',') {
			continue
		}
		if s.next('}') {
			return nil
		}
		return malformedf("object is not closed")
	}
}

// items takes an array and calls item with each element.
func (s *scanner) items(depth int, item func(raw []byte)) error {
	if depth > maxDepth {
		return malformedf("JSON nests deeper than %d", maxDepth)
	}
	if !s.next('[') {
		return malformedf("not a JSON array")
	}
	if s.next(']') {
		return nil
	}
	for {
		raw, _, err := s.value(depth)
		if err != nil {
			return err
		}
		item(raw)
		if s.next(',') {
			continue
		}
		if s.next(']') {
			return nil
		}
		return malformedf("array is not closed")
	}
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return malformedf("not a JSON value")
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) text() error {
	if s.pos == len(s.data) || s.data[s.pos] != '"' {
		return malformedf("not a JSON string")
	}
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return nil
		case c < 0x20:
			return malformedf("control character in a JSON string")
		case c == '\\':
			i++
			if i == len(s.data) {
				return malformedf("JSON string is not closed")
			}
			switch s.data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(s.data) || !isHex(s.data[i+1:i+5]) {
					return malformedf("bad escape in a JSON string")
				}
				i += 4
			default:
				return malformedf("bad escape in a JSON string")
			}
		}
	}
	return malformedf("JSON string is not closed")
}

func isHex(b []byte) bool {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

func (s *scanner) number() error {
	s.sign("-")
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return malformedf("not a JSON value")
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return malformedf("no digit behind the decimal point")
		}
	}
	if s.pos < len(s.data) && (s.data[s.pos] == 'e' || s.data[s.pos] == 'E') {
		s.pos++
		s.sign("+-")
		if !s.digits() {
			return malformedf("no digit in the exponent")
		}
	}
	return nil
}

func (s *scanner) sign(which string) {
	for i := range len(which) {
		if s.pos < len(s.data) && s.data[s.pos] == which[i] {
			s.pos++
			return
		}
	}
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// unquote returns the text of a string that text has accepted.
func unquote(raw []byte) string {
	for _, c := range raw {
		if c == '\\' {
			var s string
			_ = json.Unmarshal(raw, &s) // cannot fail: the scanner has accepted it
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}
