// Package jsonscan walks JSON text without building anything: it checks the text, and says where its values stand.
//
// It is written by hand because every message of every client and every event of every node passes here, and is
// scanned without an allocation. encoding/json has no such reader: its Decoder allocates a token for each value, and
// json.Valid does not say where a member stands. Where speed does not matter, encoding/json is used.
package jsonscan

import (
	"bytes"
	"encoding/json"
)

// Scanner reads one text from its beginning to its end. It accepts exactly RFC 8259, except that it also passes on
// strings that are not UTF-8.
type Scanner struct {
	data      []byte
	pos       int
	level     int // how many objects and lists are open
	levels    int
	forbidden string
}

// Error says what is wrong with a text.
type Error string

func (e Error) Error() string { return string(e) }

const (
	// ErrLevels is the error of a text that nests deeper than it may.
	ErrLevels = Error("JSON nests too deeply")
	// ErrForbidden is the error of an object that has the forbidden name.
	ErrForbidden = Error("an object has a forbidden name")
)

// New returns a scanner of data, in which objects and lists may nest to levels.
func New(data []byte, levels int) Scanner { return Scanner{data: data, levels: levels} }

// Forbidding is New for a text in which no object may have a member called name.
func Forbidding(data []byte, levels int, name string) Scanner {
	return Scanner{data: data, levels: levels, forbidden: name}
}

// Pos returns how many bytes were read. After an error, the fault is about there.
func (s *Scanner) Pos() int { return s.pos }

// Peek skips white space and returns the next byte without taking it, or 0 at the end.
func (s *Scanner) Peek() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// End says whether nothing but white space is left.
func (s *Scanner) End() bool {
	s.space()
	return s.pos == len(s.data)
}

// Open takes an opening bracket, { or [.
func (s *Scanner) Open(bracket byte) error {
	if !s.next(bracket) {
		if bracket == '{' {
			return Error("not a JSON object")
		}
		return Error("not a JSON array")
	}
	if s.level++; s.level > s.levels {
		return ErrLevels
	}
	return nil
}

// More says whether another member or element follows, and takes the comma before it, or else the closing bracket.
func (s *Scanner) More(first bool, closing byte) (bool, error) {
	switch {
	case s.next(closing):
		s.level--
		return false, nil
	case first || s.next(','):
		return true, nil
	case closing == '}':
		return false, Error("object is not closed")
	default:
		return false, Error("array is not closed")
	}
}

// Name takes a member's name and the colon behind it. A name without escapes is part of the text, and not checked for
// UTF-8.
func (s *Scanner) Name() ([]byte, error) {
	s.space()
	start := s.pos
	escaped, err := s.text()
	if err != nil {
		return nil, err
	}
	name := s.data[start+1 : s.pos-1]
	if escaped {
		name = []byte(Unquote(s.data[start:s.pos]))
	}
	if s.forbidden != "" && string(name) == s.forbidden {
		return nil, ErrForbidden
	}
	if !s.next(':') {
		return nil, Error("no colon behind a property name")
	}
	return name, nil
}

// Members takes an object and calls member after each name and colon. member takes the value.
func (s *Scanner) Members(member func(name []byte) error) error {
	if err := s.Open('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		if more, err := s.More(first, '}'); err != nil || !more {
			return err
		}
		name, err := s.Name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

// Elements takes a list and calls element with each element.
func (s *Scanner) Elements(element func(raw []byte)) error {
	if err := s.Open('['); err != nil {
		return err
	}
	for first := true; ; first = false {
		if more, err := s.More(first, ']'); err != nil || !more {
			return err
		}
		raw, err := s.Value()
		if err != nil {
			return err
		}
		element(raw)
	}
}

// Value takes a value of any kind and returns it as it stands in the text.
func (s *Scanner) Value() ([]byte, error) {
	c := s.Peek()
	start := s.pos
	err := s.skip(c)
	return s.data[start:s.pos:s.pos], err
}

// skip takes the next value, which begins with c.
func (s *Scanner) skip(c byte) error {
	switch c {
	case '{', '[':
		return s.skipElements(c)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.Literal("true")
	case 'f':
		return s.Literal("false")
	case 'n':
		return s.Literal("null")
	default:
		return s.number()
	}
}

func (s *Scanner) skipElements(bracket byte) error {
	const toClosing = 2 // } and ] are two code points behind their opening brackets
	if err := s.Open(bracket); err != nil {
		return err
	}
	for first := true; ; first = false {
		if more, err := s.More(first, bracket+toClosing); err != nil || !more {
			return err
		}
		if bracket == '{' {
			if _, err := s.Name(); err != nil {
				return err
			}
		}
		if err := s.skip(s.Peek()); err != nil {
			return err
		}
	}
}

// Unquote returns the text of a string that a scanner has taken. Bytes that are not UTF-8 become U+FFFD only where
// the string has escapes.
func Unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // cannot fail: the scanner has taken it
	return s
}
