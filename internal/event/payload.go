package event

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// scanTexts reads those fields of an object that are called names: each a JSON string, or nil where it is missing or null.
//
// Every order and team cart event of every node passes here, so what nearly all payloads are is read without allocating, and its
// strings need not be written again: an object of nulls and of strings in printable ASCII without escapes, which encoding/json
// would write the same way. It returns false for all else, and the values mean nothing then: that is encoding/json's to read, whose
// rules these are; hence the names in any case.
func scanTexts(payload []byte, names []string, values []json.RawMessage) bool {
	s := textScanner{payload}
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return s.atEnd()
	}
	for {
		name, ok := s.text()
		if !ok || !s.take(':') {
			return false
		}
		value, ok := s.text()
		if !ok && !s.null() {
			return false
		}
		name = name[1 : len(name)-1]
		if i := slices.IndexFunc(names, func(known string) bool { return len(known) == len(name) && strings.EqualFold(known, string(name)) }); i >= 0 {
			values[i] = value
		}
		if s.take(',') {
			continue
		}
		return s.take('}') && s.atEnd()
	}
}

// textScanner is what is left of a payload.
type textScanner struct{ left []byte }

func (s *textScanner) skipSpace() {
	for len(s.left) > 0 && (s.left[0] == ' ' || s.left[0] == '\n' || s.left[0] == '\r' || s.left[0] == '\t') {
		s.left = s.left[1:]
	}
}

func (s *textScanner) take(c byte) bool {
	s.skipSpace()
	if len(s.left) == 0 || s.left[0] != c {
		return false
	}
	s.left = s.left[1:]
	return true
}

func (s *textScanner) null() bool {
	var ok bool
	s.left, ok = bytes.CutPrefix(s.left, []byte("null"))
	return ok
}

func (s *textScanner) atEnd() bool {
	s.skipSpace()
	return len(s.left) == 0
}

// text takes a string, with its quotes.
func (s *textScanner) text() ([]byte, bool) {
	s.skipSpace()
	if len(s.left) == 0 || s.left[0] != '"' {
		return nil, false
	}
	for i := 1; i < len(s.left); i++ {
		switch c := s.left[i]; {
		case c == '"':
			text := s.left[: i+1 : i+1]
			s.left = s.left[i+1:]
			return text, true
		case c < ' ' || c > '~' || c == '\\' || c == '<' || c == '>' || c == '&':
			return nil, false
		}
	}
	return nil, false
}
