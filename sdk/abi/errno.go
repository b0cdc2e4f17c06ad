package abi

import "strconv"

// Errno is a negative result of a guest's export or of the host's call.
type Errno int64

// The error numbers.
const (
	ErrInternal    Errno = -1
	ErrBadInput    Errno = -2
	ErrUnsupported Errno = -3
	ErrBadSettings Errno = -4
	ErrOutOfMemory Errno = -5
	ErrDenied      Errno = -6
)

// Error says the number in words.
func (e Errno) Error() string {
	switch e {
	case ErrInternal:
		return "internal error"
	case ErrBadInput:
		return "bad input"
	case ErrUnsupported:
		return "unsupported"
	case ErrBadSettings:
		return "bad settings"
	case ErrOutOfMemory:
		return "out of memory"
	case ErrDenied:
		return "denied"
	}
	return "error number " + strconv.FormatInt(int64(e), 10)
}

// FormatError says where bytes from the other side of the wall are malformed.
// It unwraps to an Errno.
type FormatError struct {
	Errno Errno
	What  string // for example "decision series"
	Index int    // of the row, decision or symbol; -1 when there is none
}

// Error renders the place and the error number's words.
func (e *FormatError) Error() string {
	if e.Index < 0 {
		return e.What + ": " + e.Errno.Error()
	}
	return e.What + " " + strconv.Itoa(e.Index) + ": " + e.Errno.Error()
}

// Unwrap returns the error number.
func (e *FormatError) Unwrap() error { return e.Errno }

func bad(what string, index int) error {
	return &FormatError{Errno: ErrBadInput, What: what, Index: index}
}

// Pack is a guest's result for a region of its memory. A region in the upper
// half of a 4 GiB memory cannot be named: its result would be negative.
func Pack(ptr, size uint32) int64 {
	if ptr >= 1<<31 {
		return int64(ErrOutOfMemory)
	}
	return int64(uint64(ptr)<<32 | uint64(size))
}

// Unpack reads what Pack wrote; the error is an Errno. The host checks the
// region against the guest's memory.
func Unpack(result int64) (ptr, size uint32, err error) {
	if result < 0 {
		return 0, 0, Errno(result)
	}
	return uint32(result >> 32), uint32(result), nil
}
