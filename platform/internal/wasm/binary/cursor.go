package binary

import (
	"math"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// cursor reads a section of an untrusted module. The first thing wrong stays
// in err and every later read answers zero, so that a walk may check once per
// item. It never allocates by what the bytes claim.
type cursor struct {
	b       []byte
	i       int
	base    int // offset of b[0] in the file
	section string
	err     *vigil.Error
}

func (c *cursor) fail(code, format string, args ...any) {
	if c.err == nil {
		c.err = Refuse(code, c.section, c.base+c.i, format, args...)
	}
}

func (c *cursor) left() int { return len(c.b) - c.i }

func (c *cursor) done() bool { return c.err != nil || c.i >= len(c.b) }

func (c *cursor) byte() byte {
	if c.err != nil {
		return 0
	}
	if c.left() < 1 {
		c.fail("module_malformed", "%s section ends too early", c.section)
		return 0
	}
	b := c.b[c.i]
	c.i++
	return b
}

func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > c.left() {
		c.fail("module_malformed", "%s section wants %d bytes and has %d", c.section, n, c.left())
		return nil
	}
	b := c.b[c.i : c.i+n : c.i+n]
	c.i += n
	return b
}

// uint reads an unsigned LEB128 of at most 32 bits.
func (c *cursor) uint() int {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift == 28 {
			v = math.MaxUint64
		}
	}
	if v > math.MaxUint32 {
		c.fail("module_malformed", "%s section holds a number over 32 bits", c.section)
		return 0
	}
	return int(v)
}

// signed reads a signed LEB128 of at most bits bits.
func (c *cursor) signed(bits int) (v int64) {
	for left, shift := bits, 0; ; left, shift = left-7, shift+7 {
		b := c.byte()
		if c.err != nil {
			return 0
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 && shift+7 < 64 {
			v = v << (57 - shift) >> (57 - shift)
		}
		if left < 7 {
			// What lies above the sign bit must repeat it.
			if top := int8(b<<1) >> left; b >= 0x80 || top != 0 && top != -1 {
				c.fail("module_malformed", "%s section holds a number over %d bits", c.section, bits)
			}
			return v
		}
		if b < 0x80 {
			return v
		}
	}
}

// index reads the index of one of have things.
func (c *cursor) index(what string, have int) int {
	i := c.uint()
	if c.err == nil && i >= have {
		c.fail("module_index", "%s %d does not exist, there are %d", what, i, have)
		c.err.With("found", i).With("limit", have)
		return 0
	}
	return i
}

// over says that there are more things than the limit.
func (c *cursor) over(code, what string, found, limit int) {
	if c.err == nil {
		c.fail(code, "%d %s, the limit is %d", found, what, limit)
		c.err.With("found", found).With("limit", limit)
	}
}

// count reads the length of a vector and holds it against limit and against
// the bytes that are left: every item has at least one.
func (c *cursor) count(what string, limit int) int {
	n := c.uint()
	if c.err == nil && n > limit {
		c.over("module_"+c.section+"_limit", what, n, limit)
		return 0
	}
	if c.err == nil && n > c.left() {
		c.fail("module_malformed", "%s section claims %d %s in %d bytes", c.section, n, what, c.left())
		return 0
	}
	return n
}

func (c *cursor) name() string {
	b := c.take(c.count("bytes of a name", maxNameLength))
	if !utf8.Valid(b) {
		c.fail("module_malformed", "%s section holds a name that is not UTF-8", c.section)
	}
	return string(b)
}
