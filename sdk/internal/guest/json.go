package guest

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json brings a third of a guest's code with it, and every module is
// checked, compiled and loaded; so the few rules of RFC 8259 stand here.

// value is a JSON value, read but not yet given to anybody.
type value struct {
	kind  byte   // the byte that begins it: { [ " 0 t f n
	raw   []byte // as it was written
	text  string // of a string
	names []string
	items []value
}

// word is what a value is called in an error.
func (v value) word() string {
	switch v.kind {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number " + string(v.raw)
	case 'n':
		return "null"
	}
	return "bool"
}

// deepest bounds how values nest: a guest's stack is short.
const deepest = 100

// parser reads one document.
type parser struct {
	b     []byte
	i     int
	depth int
}

// parseJSON reads a document that is one value.
func parseJSON(doc []byte) (v value, ok bool) {
	p := parser{b: doc}
	p.space()
	v, ok = p.value()
	p.space()
	return v, ok && p.i == len(p.b)
}

// next is the byte to be read, 0 at the end: no JSON has a zero byte.
func (p *parser) next() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

func (p *parser) space() {
	for c := p.next(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = p.next() {
		p.i++
	}
}

// skip passes one byte and the space behind it, if that byte comes next.
func (p *parser) skip(c byte) bool {
	if p.next() != c {
		return false
	}
	p.i++
	p.space()
	return true
}

func (p *parser) value() (v value, ok bool) {
	start := p.i
	switch c := p.next(); {
	case c == '{':
		v, ok = p.members('{', '}')
	case c == '[':
		v, ok = p.members('[', ']')
	case c == '"':
		v.text, ok = p.text()
	case c == '-' || isDigit(c):
		v.kind, ok = '0', p.number()
	case c == 't':
		ok = p.literal("true")
	case c == 'f':
		ok = p.literal("false")
	case c == 'n':
		ok = p.literal("null")
	}
	if !ok {
		return v, false
	}
	if v.raw = p.b[start:p.i]; v.kind == 0 {
		v.kind = v.raw[0]
	}
	return v, true
}

func (p *parser) literal(s string) bool {
	if len(p.b)-p.i < len(s) || string(p.b[p.i:p.i+len(s)]) != s {
		return false
	}
	p.i += len(s)
	return true
}

// members reads an object or an array.
func (p *parser) members(first, last byte) (v value, ok bool) {
	v.kind = first
	if p.depth++; p.depth > deepest {
		return v, false
	}
	p.skip(first)
	for more := p.next() != last; more; more = p.skip(',') {
		if first == '{' {
			name, ok := p.text()
			if p.space(); !ok || !p.skip(':') {
				return v, false
			}
			v.names = append(v.names, name)
		}
		item, ok := p.value()
		if p.space(); !ok {
			return v, false
		}
		v.items = append(v.items, item)
	}
	p.depth--
	if p.next() != last {
		return v, false
	}
	p.i++
	return v, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (p *parser) digits() bool {
	from := p.i
	for isDigit(p.next()) {
		p.i++
	}
	return p.i > from
}

func (p *parser) number() bool {
	if p.next() == '-' {
		p.i++
	}
	if p.next() == '0' {
		p.i++
	} else if !p.digits() {
		return false
	}
	if p.next() == '.' {
		if p.i++; !p.digits() {
			return false
		}
	}
	if c := p.next(); c == 'e' || c == 'E' {
		p.i++
		if c := p.next(); c == '+' || c == '-' {
			p.i++
		}
		return p.digits()
	}
	return true
}

// text reads a string. What is no UTF-8 becomes U+FFFD, as encoding/json has it.
func (p *parser) text() (string, bool) {
	if p.next() != '"' {
		return "", false
	}
	p.i++
	var out []byte
	for {
		c := p.next()
		switch {
		case c == '"':
			p.i++
			return string(out), true
		case c < ' ':
			return "", false
		case c == '\\':
			p.i++
			r, ok := p.escape()
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, r)
		default:
			r, size := utf8.DecodeRune(p.b[p.i:])
			out = utf8.AppendRune(out, r)
			p.i += size
		}
	}
}

// escape reads what stands behind a backslash.
func (p *parser) escape() (rune, bool) {
	c := p.next()
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
	default:
		return 0, false
	}
	r, ok := p.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if back := p.i; p.literal(`\u`) {
		low, ok := p.hex()
		if !ok {
			return 0, false
		}
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return whole, true
		}
		p.i = back // two halves that do not fit: the second is read again
	}
	return utf8.RuneError, true
}

func (p *parser) hex() (rune, bool) {
	if len(p.b)-p.i < 4 {
		return 0, false
	}
	for _, c := range p.b[p.i : p.i+4] {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(p.b[p.i:p.i+4]), 16, 32)
	p.i += 4
	return rune(n), err == nil
}

// appendText appends s as a JSON string.
func appendText(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s { // what is no UTF-8 comes as U+FFFD
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
