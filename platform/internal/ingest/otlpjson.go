package ingest

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxWire bounds the message that JSON becomes; written out it is rarely larger.
const maxWire = 16 << 20

// jsonKind is how JSON writes a protobuf field.
type jsonKind uint8

const (
	jsonMessage jsonKind = iota
	jsonString
	jsonBytes // in base64
	jsonBool
	jsonInt    // varint; a number, or a string of one; also enumerations
	jsonFixed  // eight bytes of an integer, written the same
	jsonDouble // a number, or a string: NaN, Infinity, -Infinity
)

// otlpJSON writes the JSON of an ExportMetricsServiceRequest as protobuf, so that
// what a message means is read in one place. Keys are lowerCamelCase, 64-bit
// integers may be strings, and unknown fields are passed over, as OTLP has it.
func otlpJSON(body []byte) ([]byte, error) {
	d := &transcoder{scanner: scanner{b: body}}
	if d.peek() == 0 && d.at == len(d.b) {
		return nil, vigil.Errorf(vigil.Invalid, "body_empty", "the body is empty")
	}
	if err := d.message(requestShape(), 0); err != nil {
		return nil, err
	}
	if d.peek(); d.at < len(d.b) {
		return nil, d.syntax()
	}
	return d.out, nil
}

type transcoder struct {
	scanner
	out []byte
}

// message reads an object as the fields of a message.
func (d *transcoder) message(s *shape, depth int) *vigil.Error {
	if depth >= maxDepth {
		return d.fail("json_depth", "the JSON nests too deep")
	}
	if !d.take('{') {
		return d.syntax()
	}
	seen := uint64(0)
	for first := true; !d.take('}'); first = false {
		if !first && !d.take(',') {
			return d.syntax()
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		if !d.take(':') {
			return d.syntax()
		}
		switch i := s.find(key); {
		case i < 0:
			err = d.skip(depth)
		case seen&(1<<i) != 0:
			return d.fail("json_duplicate_key", "a key comes twice")
		default:
			seen |= 1 << i
			err = d.field(&(*s)[i], depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// find returns which field has a name, -1 if none has.
func (s *shape) find(key []byte) int {
	for i := range *s {
		if (*s)[i].name == string(key) {
			return i
		}
	}
	return -1
}

// field reads the value of a field; null is as good as absent.
func (d *transcoder) field(f *jsonField, depth int) *vigil.Error {
	if d.word("null") {
		return nil
	}
	if !f.many {
		return d.value(f, depth)
	}
	if !d.take('[') {
		return d.fail("json_type", "an array is expected")
	}
	for first := true; !d.take(']'); first = false {
		if !first && !d.take(',') {
			return d.syntax()
		}
		if err := d.value(f, depth); err != nil {
			return err
		}
	}
	return nil
}

func (d *transcoder) value(f *jsonField, depth int) *vigil.Error {
	if len(d.out) > maxWire {
		return vigil.Errorf(vigil.TooLarge, "body_too_large", "the request is larger than %d bytes", maxWire).Hinted("Split the request.")
	}
	switch f.kind {
	case jsonMessage:
		return d.nested(f, depth)
	case jsonString, jsonBytes:
		return d.text(f)
	case jsonBool:
		v := uint64(0)
		if d.word("true") {
			v = 1
		} else if !d.word("false") {
			return d.fail("json_type", "true or false is expected")
		}
		d.tag(f, wireVarint)
		d.out = append(d.out, byte(v))
	case jsonInt, jsonFixed:
		return d.integer(f)
	case jsonDouble:
		return d.double(f)
	}
	return nil
}

// nested writes a message with its length in five bytes, since it is known only
// behind it.
func (d *transcoder) nested(f *jsonField, depth int) *vigil.Error {
	if d.peek() != '{' {
		return d.fail("json_type", "an object is expected")
	}
	d.tag(f, wireBytes)
	at := len(d.out)
	d.out = append(d.out, 0, 0, 0, 0, 0)
	err := d.message(f.shape, depth)
	n := len(d.out) - at - 5
	for i := range 5 {
		d.out[at+i] = byte(n>>(7*i))&0x7f | 0x80
	}
	d.out[at+4] &= 0x7f
	return err
}

func (d *transcoder) tag(f *jsonField, kind uint64) {
	d.out = binary.AppendUvarint(d.out, uint64(f.num)<<3|kind)
}

func (d *transcoder) text(f *jsonField) *vigil.Error {
	if d.peek() != '"' {
		return d.fail("json_type", "a string is expected")
	}
	text, err := d.string()
	if err != nil {
		return err
	}
	if f.kind == jsonBytes {
		raw, bad := base64.StdEncoding.AppendDecode(nil, text)
		if bad != nil {
			return d.fail("json_type", "base64 is expected")
		}
		text = raw
	}
	d.tag(f, wireBytes)
	d.out = append(binary.AppendUvarint(d.out, uint64(len(text))), text...)
	return nil
}

func (d *transcoder) integer(f *jsonField) *vigil.Error {
	word, err := d.digits()
	if err != nil {
		return err
	}
	v, bad := strconv.ParseInt(string(word), 10, 64)
	n := uint64(v)
	if bad != nil {
		if n, bad = strconv.ParseUint(string(word), 10, 64); bad != nil {
			return d.fail("json_type", "an integer of 64 bits is expected")
		}
	}
	if f.kind == jsonInt {
		d.tag(f, wireVarint)
		d.out = binary.AppendUvarint(d.out, n)
		return nil
	}
	d.tag(f, wireFixed64)
	d.out = binary.LittleEndian.AppendUint64(d.out, n)
	return nil
}

func (d *transcoder) double(f *jsonField) *vigil.Error {
	word, err := d.digits()
	if err != nil {
		return err
	}
	var v float64
	switch string(word) {
	case "NaN":
		v = math.NaN()
	case "Infinity":
		v = math.Inf(1)
	case "-Infinity":
		v = math.Inf(-1)
	default:
		var bad error
		if v, bad = strconv.ParseFloat(string(word), 64); bad != nil || numberLen(word) != len(word) {
			return d.fail("json_type", "a number is expected")
		}
	}
	d.tag(f, wireFixed64)
	d.out = binary.LittleEndian.AppendUint64(d.out, math.Float64bits(v))
	return nil
}

// digits reads a number as it is written, quoted or not.
func (d *transcoder) digits() ([]byte, *vigil.Error) {
	if d.peek() == '"' {
		return d.string()
	}
	n := numberLen(d.b[d.at:])
	if n == 0 {
		return nil, d.fail("json_type", "a number is expected")
	}
	word := d.b[d.at : d.at+n]
	d.at += n
	return word, nil
}
