package action

import (
	"time"
	"unsafe"

	"github.com/techmedaddy/vigil/sdk/internal/guest"
)

//go:wasmimport vigil_v1 log
func hostLog(level int32, ptr unsafe.Pointer, size uint32)

//go:wasmimport vigil_v1 log_level
func hostLogLevel() int32

//go:wasmimport vigil_v1 deadline
func hostDeadline() int64

//go:wasmimport vigil_v1 span_event
func hostSpanEvent(ptr unsafe.Pointer, size uint32)

// sandbox is the Host that the sandbox imports.
type sandbox struct{ guest.Sandbox }

func (sandbox) Log(level int32, message string) { hostLog(level, text(message), uint32(len(message))) }

func (sandbox) LogLevel() int32 { return hostLogLevel() }

func (sandbox) Deadline() time.Time { return time.Unix(0, hostDeadline()).UTC() }

func (sandbox) SpanEvent(name string) { hostSpanEvent(text(name), uint32(len(name))) }

func text(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }
