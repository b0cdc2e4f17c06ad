package ingest

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxDepth is how deep a body may nest. A sample needs three.
const maxDepth = 32

// scanner reads JSON (RFC 8259) from the bytes of a request. Its strings alias
// them, but where an escape had to be undone.
type scanner struct {
	b  []byte
	at int
}

// fail makes an error that names the offset and never the input.
func (s *scanner) fail(code, what string) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, code, "%s at byte %d", what, s.at).With("offset", s.at)
}

func (s *scanner) syntax() *vigil.Error {
	if s.at >= len(s.b) {
		return s.fail("json_invalid", "the JSON ends too early")
	}
	return s.fail("json_invalid", "the JSON is malformed")
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.at < len(s.b) {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// take skips white space and consumes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.at >= len(s.b) {
		return false
	}
	s.at++
	return true
}

// word consumes a literal such as null if it is next.
func (s *scanner) word(w string) bool {
	if s.peek(); !bytes.HasPrefix(s.b[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}

// string reads a string. Invalid UTF-8 and lone surrogates are refused, not
// replaced: repair would make two names one.
func (s *scanner) string() ([]byte, *vigil.Error) {
	if !s.take('"') {
		return nil, s.syntax()
	}
	start := s.at
	for s.at < len(s.b) {
		switch c := s.b[s.at]; {
		case c == '"':
			raw := s.b[start:s.at]
			if !utf8.Valid(raw) {
				return nil, s.fail("json_invalid_utf8", "a string is not valid UTF-8")
			}
			s.at++
			return raw, nil
		case c == '\\':
			return s.escaped(append([]byte(nil), s.b[start:s.at]...))
		case c < ' ':
			return nil, s.syntax()
		}
		s.at++
	}
	return nil, s.syntax()
}

// escaped goes on reading a string at its first backslash.
func (s *scanner) escaped(out []byte) ([]byte, *vigil.Error) {
	for s.at < len(s.b) {
		c := s.b[s.at]
		s.at++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, s.fail("json_invalid_utf8", "a string is not valid UTF-8")
			}
			return out, nil
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			s.at--
			return nil, s.syntax()
		default:
			out = append(out, c)
		}
	}
	return nil, s.syntax()
}

// escape reads what follows a backslash.
func (s *scanner) escape() (rune, *vigil.Error) {
	if s.at >= len(s.b) {
		return 0, s.syntax()
	}
	const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := bytes.IndexByte([]byte(names), s.b[s.at]); i >= 0 {
		s.at++
		return rune(values[i]), nil
	}
	r, ok := s.hex4()
	if !ok {
		return 0, s.syntax()
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if s.at < len(s.b) && s.b[s.at] == '\\' {
		s.at++
		if low, ok := s.hex4(); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, nil
			}
		}
	}
	return 0, s.fail("json_invalid_utf8", "a string holds half a character")
}

// hex4 reads uXXXX.
func (s *scanner) hex4() (rune, bool) {
	if s.at+5 > len(s.b) || s.b[s.at] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.b[s.at+1:s.at+5]), 16, 16)
	if err != nil {
		return 0, false
	}
	s.at += 5
	return rune(v), true
}
