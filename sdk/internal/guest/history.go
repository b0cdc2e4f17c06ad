package guest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// errReply is a reply that is no answer to a query.
var errReply = errors.New("reply of query: not what a host answers")

// readHistories reads a vigil.CallReply whose data is a vigil.QueryReply. In the
// sandbox encoding/json costs more fuel for some thousand samples than an
// evaluation has.
func readHistories(reply []byte) (answer vigil.CallReply, found []vigil.History, err error) {
	c := &cursor{b: reply}
	c.members(func(name string) {
		switch name {
		case "ok":
			answer.OK = string(c.word()) == "true"
		case "code":
			answer.Code = c.text()
		case "message":
			answer.Message = c.text()
		case "data":
			found = c.data()
		default:
			c.skip()
		}
	})
	if c.space(); c.bad || c.i != len(c.b) {
		return vigil.CallReply{}, nil, errReply
	}
	return answer, found, nil
}

func (c *cursor) data() (found []vigil.History) {
	c.members(func(name string) {
		if name != "series" || c.null() {
			c.skip()
			return
		}
		c.elements(func() { found = append(found, c.history()) })
	})
	return found
}

func (c *cursor) history() (h vigil.History) {
	c.members(func(name string) {
		switch {
		case name == "name":
			h.Name = c.text()
		case name == "labels" && !c.null():
			h.Labels = vigil.Labels{}
			c.members(func(label string) { h.Labels[label] = c.text() })
		case name == "times":
			h.Times = times(c.column())
		case name == "values":
			h.Values = values(c.column())
		default:
			c.skip()
		}
	})
	if len(h.Times) != len(h.Values) {
		c.bad = true
	}
	return h
}

// cursor reads JSON from left to right. Once bad it stays so and moves on no
// more, so that every loop ends.
type cursor struct {
	b   []byte
	i   int
	bad bool
}

func (c *cursor) space() {
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\n' || c.b[c.i] == '\t' || c.b[c.i] == '\r') {
		c.i++
	}
}

// peek is the next byte after white space, 0 at the end.
func (c *cursor) peek() byte {
	c.space()
	if c.bad || c.i == len(c.b) {
		return 0
	}
	return c.b[c.i]
}

// take steps over a byte that must be next.
func (c *cursor) take(want byte) {
	if c.peek() != want {
		c.bad = true
		return
	}
	c.i++
}

// more steps over what parts two elements, or over what ends them.
func (c *cursor) more(end byte) bool {
	switch c.peek() {
	case ',':
		c.i++
		return true
	case end:
		c.i++
	default:
		c.bad = true
	}
	return false
}

// members calls each with the name of every member, to read its value.
func (c *cursor) members(each func(name string)) {
	if c.take('{'); c.peek() == '}' {
		c.i++
		return
	}
	for more := !c.bad; more; more = c.more('}') {
		name := c.text()
		c.take(':')
		if c.bad {
			return
		}
		each(name)
	}
}

// elements calls each at every element, to read it.
func (c *cursor) elements(each func()) {
	if c.take('['); c.peek() == ']' {
		c.i++
		return
	}
	for more := !c.bad; more; more = c.more(']') {
		each()
	}
}

// literal is a string with its quotes. Its end is looked for by what the
// sandbox does fast.
func (c *cursor) literal() []byte {
	if c.take('"'); c.bad {
		return nil
	}
	start := c.i - 1
	for {
		n := bytes.IndexByte(c.b[c.i:], '"')
		if n < 0 {
			c.bad = true
			return nil
		}
		c.i += n + 1
		escapes := 0
		for c.b[c.i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return c.b[start:c.i]
		}
	}
}

// text is a string's meaning; JSON itself says what escapes mean.
func (c *cursor) text() (s string) {
	raw := c.literal()
	if raw != nil && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	if raw != nil && json.Unmarshal(raw, &s) != nil {
		c.bad = true
	}
	return s
}

// word is a number or one of true, false and null.
func (c *cursor) word() []byte {
	c.space()
	start := c.i
	for c.i < len(c.b) && c.b[c.i] != ',' && c.b[c.i] != ']' && c.b[c.i] != '}' && c.b[c.i] > ' ' {
		c.i++
	}
	if start == c.i {
		c.bad = true
	}
	return c.b[start:c.i]
}

// null reports whether null is next.
func (c *cursor) null() bool { return c.peek() == 'n' }

// column is what a string holds in base64, numbers of 8 bytes each.
func (c *cursor) column() []byte {
	raw := c.literal()
	if raw == nil {
		return nil
	}
	b, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(raw)), raw[1:len(raw)-1])
	if err != nil || len(b)%8 != 0 {
		c.bad = true
		return nil
	}
	return b
}

func times(b []byte) vigil.Times {
	list := make(vigil.Times, len(b)/8)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}

func values(b []byte) vigil.Values {
	list := make(vigil.Values, len(b)/8)
	for i := range list {
		list[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list
}

// skip steps over a value that nobody asked for.
func (c *cursor) skip() {
	for depth := 0; !c.bad; {
		switch c.peek() {
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		case '"':
			c.literal()
		case ',', ':':
			if depth == 0 {
				c.bad = true
			}
			c.i++
		case 0:
			c.bad = true
		default:
			c.word()
		}
		if depth <= 0 {
			c.bad = c.bad || depth < 0
			return
		}
	}
}
