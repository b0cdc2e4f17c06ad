package action

import (
	"time"
	"unsafe"

	"github.com/techmedaddy/vigil/sdk/abi"
)

//go:wasmimport vigil_v1 log
func hostLog(level int32, ptr unsafe.Pointer, size uint32)

//go:wasmimport vigil_v1 log_level
func hostLogLevel() int32

//go:wasmimport vigil_v1 deadline
func hostDeadline() int64

//go:wasmimport vigil_v1 call
func hostCall(op unsafe.Pointer, opSize uint32, request unsafe.Pointer, requestSize uint32) int64

//go:wasmimport vigil_v1 reply
func hostReply(ptr unsafe.Pointer, capacity uint32) int32

//go:wasmimport vigil_v1 span_event
func hostSpanEvent(ptr unsafe.Pointer, size uint32)

// sandbox is the Host that the sandbox imports.
type sandbox struct{}

// Call fetches the reply in a second step, so that the host never has to ask
// the guest for memory.
func (sandbox) Call(op string, request []byte) ([]byte, error) {
	size := hostCall(text(op), uint32(len(op)), unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	if size < 0 {
		return nil, abi.Errno(size)
	}
	reply := make([]byte, size)
	n := hostReply(unsafe.Pointer(unsafe.SliceData(reply)), uint32(size))
	return reply[:n], nil
}

func (sandbox) Log(level int32, message string) { hostLog(level, text(message), uint32(len(message))) }

func (sandbox) LogLevel() int32 { return hostLogLevel() }

func (sandbox) Deadline() time.Time { return time.Unix(0, hostDeadline()).UTC() }

func (sandbox) SpanEvent(name string) { hostSpanEvent(text(name), uint32(len(name))) }

func text(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }
