package abi

import "unsafe"

// encoding/binary would bring reflect into every guest, so the few functions
// needed of it stand here.

func get16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }

func get32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func get64(b []byte) uint64 { return uint64(get32(b)) | uint64(get32(b[4:]))<<32 }

func add16(b []byte, v uint16) []byte { return append(b, byte(v), byte(v>>8)) }

func add32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func add64(b []byte, v uint64) []byte { return add32(add32(b, uint32(v)), uint32(v>>32)) }

// littleEndian reports whether this machine stores numbers as the ABI does, so
// that a column can be copied or viewed as it lies in memory.
func littleEndian() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}

// viewable reports whether b can be read in place as 8-byte numbers.
func viewable(b []byte) bool {
	return littleEndian() && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0
}

// view makes s the n items so many bytes behind start, which the caller has checked: unsafe.Slice
// would check them again, in calls. None are nil: what begins at the end of a
// message belongs to somebody else.
func view[T any](s *[]T, start unsafe.Pointer, off, n uint32) {
	if n == 0 {
		*s = nil
		return
	}
	h := (*struct {
		start    unsafe.Pointer
		len, cap int
	})(unsafe.Pointer(s))
	h.start, h.len, h.cap = unsafe.Add(start, off), int(n), int(n)
}

// number is what a column holds.
type number interface{ int64 | float64 }

func addColumn[T number](dst []byte, column []T) []byte {
	if littleEndian() {
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(column))), 8*len(column))...)
	}
	for i := range column {
		dst = add64(dst, *(*uint64)(unsafe.Pointer(&column[i])))
	}
	return dst
}

// region checks that count items of size bytes lie at off in the first total
// bytes of a message, without overflow.
func region(off, count, size, total uint32) bool {
	return uint64(off)+uint64(count)*uint64(size) <= uint64(total)
}
