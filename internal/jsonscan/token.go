package jsonscan

const errNoValue = Error("not a JSON value")

// Literal takes true, false or null.
func (s *Scanner) Literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return errNoValue
	}
	s.pos += len(word)
	return nil
}

// Text takes a string and returns it with its quotes.
func (s *Scanner) Text() ([]byte, error) {
	s.space()
	start := s.pos
	_, err := s.text()
	return s.data[start:s.pos], err
}

// text takes a string, and says whether it has escapes.
func (s *Scanner) text() (escaped bool, err error) {
	if s.pos == len(s.data) || s.data[s.pos] != '"' {
		return false, Error("not a JSON string")
	}
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return escaped, nil
		case c < ' ':
			return false, Error("control character in a JSON string")
		case c == '\\':
			escaped = true
			n := escape(s.data[i+1:])
			if n == 0 {
				return false, Error("bad escape in a JSON string")
			}
			i += n
		}
	}
	return false, Error("JSON string is not closed")
}

// escape returns how many bytes follow the backslash of an escape, or 0 where JSON has no such escape.
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

// Number takes a number and returns its text.
func (s *Scanner) Number() ([]byte, error) {
	s.space()
	start := s.pos
	err := s.number()
	return s.data[start:s.pos], err
}

func (s *Scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return errNoValue
	}
	if s.take('.') && !s.digits() {
		return Error("no digit behind the decimal point")
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return Error("no digit in the exponent")
		}
	}
	return nil
}

func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// next takes c and the space before it; take takes no space.
func (s *Scanner) next(c byte) bool {
	s.space()
	return s.take(c)
}

func (s *Scanner) take(c byte) bool {
	if s.pos == len(s.data) || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *Scanner) space() {
	for s.pos < len(s.data) && s.data[s.pos] <= ' ' {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}
