package guest

import (
	"unsafe"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// maxBuffer bounds what the host may ask for at once, in bytes.
const maxBuffer = 64 << 20

// memory is what the host sees of this instance. An instance is called by one
// goroutine of the host at a time, so nothing guards it. Go's collector moves
// nothing, so an address stays good as long as it is kept here.
var memory struct {
	buffer    []uint64 // where the host writes; of words, to be 8-aligned
	answer    []byte   // the last result handed out
	lastError []byte
}

//go:wasmexport vigil_abi_v1
func abiV1() {}

// buffer returns the address of at least size bytes for the host's next
// message, 0 if that is too much to ask. It is the same from call to call until
// it must grow.
//
//go:wasmexport vigil_buffer
func buffer(size uint32) uint32 {
	if size > maxBuffer {
		return 0
	}
	words := max(1, (int(size)+7)/8)
	if words > len(memory.buffer) {
		memory.buffer = make([]uint64, max(words, min(2*len(memory.buffer), maxBuffer/8)))
	}
	return address(unsafe.Pointer(unsafe.SliceData(memory.buffer)))
}

//go:wasmexport vigil_last_error
func lastError() int64 { return result(memory.lastError) }

// Input returns the host's message: size bytes at ptr, in the buffer.
func Input(ptr, size uint32) ([]byte, error) {
	start := unsafe.Pointer(unsafe.SliceData(memory.buffer))
	off, room := uint64(ptr)-uint64(address(start)), uint64(8*len(memory.buffer))
	if off > room || uint64(size) > room-off {
		return nil, outside()
	}
	return (*[maxBuffer]byte)(start)[off : off+uint64(size)], nil
}

func outside() error {
	return &Fault{Errno: abi.ErrBadInput, Code: "bad_input", Message: "message outside the buffer"}
}

// Answer is the result of an export: where the host finds b, which stays until
// the next Answer, or why there is none.
func Answer(b []byte, err error) int64 {
	if err != nil {
		return refuse(err)
	}
	memory.answer = b
	return result(b)
}

func refuse(err error) int64 {
	f := FaultOf(err)
	memory.lastError = f.AppendJSON(memory.lastError[:0])
	return int64(f.Errno)
}

func result(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	return abi.Pack(address(unsafe.Pointer(unsafe.SliceData(b))), uint32(len(b)))
}

func address(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }
