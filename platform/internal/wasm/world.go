package wasm

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/tetratelabs/wazero/api"

	meter "github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Caller answers the host calls of an action with a vigil.CallReply as JSON.
// It checks the call against the grants of the module; a refusal is an answer
// like any other. It must return when ctx ends.
type Caller interface {
	Call(ctx context.Context, op string, req []byte) []byte
}

// world is all that one instance sees of the outside. Its instance's owner
// sets it up before a call; host functions use it during the call.
type world struct {
	clock    clock
	random   io.Reader
	log      guestLog
	caller   Caller         // nil: the guest may ask nothing
	waits    func()         // told when the guest begins to wait for its caller
	feed     func(size int) // gives fuel for a reply of so many bytes
	calls    int
	reply    []byte // of the last host call, fetched by reply
	deadline int64  // unix nanoseconds
	level    int32  // the least important log level that is kept
	turn     turn   // the call under way
	fuel     api.MutableGlobal
}

// pay takes fuel for what the host does for the guest, or a guest that does
// nothing but ask would cost a thousand times what it pays for. Like the guest's
// own payments it yields where it passes a multiple of binary.YieldEvery, which
// the guest would now miss.
func (w *world) pay(ctx context.Context, units int64) {
	before := int64(w.fuel.Get())
	after := before - units
	w.fuel.Set(uint64(after))
	if after < 0 {
		panic(trap("guest_trap", "out of fuel")) // the tank says why
	}
	if (before^after)/meter.YieldEvery != 0 {
		w.turn.yield(ctx)
	}
}

type worldKey struct{}

// visit is the context of one call, which leads host functions to the world.
// Its instance uses it again and again: context.WithValue would allocate.
type visit struct {
	context.Context //nolint:containedctx // it is a context, and wraps one for the time of a call
	world           *world
}

// Value answers for the world and asks the caller's context for all else.
func (v *visit) Value(key any) any {
	if key == (worldKey{}) {
		return v.world
	}
	return v.Context.Value(key)
}

// hostFunc is a function that guests may import.
type hostFunc struct {
	module, name string
	sig          signature
	call         func(ctx context.Context, w *world, mem memory, args []uint64) uint64
}

// goFunc adapts the function to the runtime: arguments come and the result
// goes on one stack.
func (f hostFunc) goFunc() api.GoModuleFunc {
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		w, ok := ctx.Value(worldKey{}).(*world)
		if !ok {
			panic(trap("guest_trap", "host function called outside a call"))
		}
		if f.module != meter.YieldModule {
			w.pay(ctx, fuelPerCall)
		}
		result := f.call(ctx, w, memory{mod.Memory()}, stack)
		if f.sig.Results != "" {
			stack[0] = result
		}
	}
}

// trap is what a host function panics with to end the guest's call.
func trap(code, format string, args ...any) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, code, format, args...)
}

// memory is a guest's memory as host functions see it: each pointer and length
// comes from the guest and ends the call when it leads outside.
type memory struct{ api.Memory }

// view returns the guest's bytes in place. They are the guest's: copy what is
// checked before it is used, and keep nothing.
func (m memory) view(ptr, size uint64) []byte {
	if m.Memory != nil && ptr <= 1<<32-1 && size <= 1<<32-1 {
		if b, ok := m.Read(uint32(ptr), uint32(size)); ok {
			return b
		}
	}
	panic(trap("guest_bad_pointer", "guest named %d bytes at %#x, outside its memory", size, ptr))
}

// copied returns at most limit bytes of the guest; more ends its call.
func (m memory) copied(ptr, size uint64, limit int) []byte {
	if uint32(size) > uint32(limit) {
		panic(trap("guest_quota", "guest handed over %d bytes, the limit is %d", uint32(size), limit))
	}
	return append([]byte(nil), m.view(uint64(uint32(ptr)), uint64(uint32(size)))...)
}

func (m memory) put32(ptr uint64, v uint32) {
	binary.LittleEndian.PutUint32(m.view(uint64(uint32(ptr)), 4), v)
}

func (m memory) put64(ptr uint64, v uint64) {
	binary.LittleEndian.PutUint64(m.view(uint64(uint32(ptr)), 8), v)
}
