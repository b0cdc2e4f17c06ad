package guest

import (
	"unsafe"

	"github.com/techmedaddy/vigil/sdk/abi"
)

//go:wasmimport vigil_v1 call
func hostCall(op unsafe.Pointer, opSize uint32, request unsafe.Pointer, requestSize uint32) int64

//go:wasmimport vigil_v1 reply
func hostReply(ptr unsafe.Pointer, capacity uint32) int32

// Sandbox is the Caller that the sandbox imports.
type Sandbox struct{}

// Call fetches the reply in a second step, so that the host never has to ask
// the guest for memory.
func (Sandbox) Call(op string, request []byte) ([]byte, error) {
	size := hostCall(unsafe.Pointer(unsafe.StringData(op)), uint32(len(op)), unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	if size < 0 {
		return nil, abi.Errno(size)
	}
	reply := make([]byte, size)
	n := hostReply(unsafe.Pointer(unsafe.SliceData(reply)), uint32(size))
	return reply[:n], nil
}
