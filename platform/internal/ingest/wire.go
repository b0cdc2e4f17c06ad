package ingest

import (
	"encoding/binary"
	"math"
)

// The wire types of protobuf that are read. Groups are not: no protocol here
// ever had one.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// field is one field of a protobuf message: a number in n, or bytes in b, which
// alias the message.
type field struct {
	num  uint32
	kind uint8
	n    uint64
	b    []byte
}

func (f *field) float() float64 { return math.Float64frombits(f.n) }

// wire reads the fields of one protobuf message
// (https://protobuf.dev/programming-guides/encoding). It allocates nothing, and
// trusts no length. After next has said false, bad tells an end from a fault.
type wire struct {
	b   []byte
	bad bool
}

// next reads the next field into f.
func (w *wire) next(f *field) bool {
	b := w.b
	if len(b) == 0 || w.bad {
		return false
	}
	tag, n := uint64(b[0]), 1
	if tag >= 0x80 {
		tag, n = binary.Uvarint(b)
	}
	if n <= 0 || tag>>3 == 0 || tag > math.MaxUint32 {
		return w.fail()
	}
	b = b[n:]
	f.num, f.kind = uint32(tag>>3), uint8(tag&7)
	switch {
	case f.kind == wireFixed64 && len(b) >= 8:
		f.n, w.b = binary.LittleEndian.Uint64(b), b[8:]
		return true
	case f.kind == wireFixed32 && len(b) >= 4:
		f.n, w.b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		return true
	case f.kind != wireVarint && f.kind != wireBytes || len(b) == 0:
		return w.fail()
	}
	v, n := uint64(b[0]), 1
	if v >= 0x80 {
		if v, n = binary.Uvarint(b); n <= 0 {
			return w.fail()
		}
	}
	b = b[n:]
	if f.kind == wireVarint {
		f.n, w.b = v, b
		return true
	}
	if v > uint64(len(b)) {
		return w.fail()
	}
	f.b, w.b = b[:v:v], b[v:]
	return true
}

func (w *wire) fail() bool {
	w.bad = true
	return false
}

// is reports whether the field is number num of the given kind. A known number
// of another kind is a fault of the message.
func (w *wire) is(f *field, num uint32, kind uint8) bool {
	if f.num != num {
		return false
	}
	if f.kind != kind {
		w.bad = true
		return false
	}
	return true
}
