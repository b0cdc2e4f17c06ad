package ingest

import (
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// number reads a number. finite is false when it overflows a float64; a
// number too small for one is zero, as everywhere.
func (s *scanner) number() (v float64, finite bool, _ *vigil.Error) {
	s.peek()
	n := numberLen(s.b[s.at:])
	if n == 0 {
		return 0, false, s.syntax()
	}
	v, err := strconv.ParseFloat(string(s.b[s.at:s.at+n]), 64)
	s.at += n
	return v, err == nil, nil
}

// numberLen returns the length of the number that b starts with, in JSON's
// grammar, which is narrower than ParseFloat's; 0 if there is none.
func numberLen(b []byte) int {
	i := 0
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	is := func(set string) bool { return i < len(b) && strings.IndexByte(set, b[i]) >= 0 }
	if is("-") {
		i++
	}
	if is("0") {
		i++
	} else if !digits() {
		return 0
	}
	if is(".") {
		if i++; !digits() {
			return 0
		}
	}
	if is("eE") {
		if i++; is("+-") {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// skip reads any value, of which nothing is kept. It is what stands between a
// value of the wrong type and the message about it: bytes that are no JSON at
// all, or nest too deep, are told as such.
func (s *scanner) skip(depth int) *vigil.Error {
	switch c := s.peek(); {
	case c == '"':
		_, err := s.string()
		return err
	case c == '{' || c == '[':
		return s.skipInside(depth)
	case c == '-' || c >= '0' && c <= '9':
		_, _, err := s.number()
		return err
	case s.word("true") || s.word("false") || s.word("null"):
		return nil
	}
	return s.syntax()
}

func (s *scanner) skipInside(depth int) *vigil.Error {
	if depth >= maxDepth {
		return s.fail("json_depth", "the JSON nests too deep")
	}
	object := s.take('{')
	end := byte('}')
	if !object {
		s.take('[')
		end = ']'
	}
	if s.take(end) {
		return nil
	}
	for {
		if object {
			if _, err := s.string(); err != nil {
				return err
			}
			if !s.take(':') {
				return s.syntax()
			}
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return s.syntax()
		}
	}
}
