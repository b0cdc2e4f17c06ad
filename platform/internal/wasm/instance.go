package wasm

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// startTime bounds the making of an instance.
const startTime = 10 * time.Second

// instance is one running copy of a guest, with a memory of its own. It
// belongs to one goroutine at a time.
type instance struct {
	name     string // of the module, for messages
	tally    *tally
	strikes  int // how many traps bring the module into quarantine
	mod      api.Module
	mem      memory
	space    *region
	world    *world
	visit    visit
	random   *evaluationRandom // of a policy; nil for an action
	now      *evaluationClock  // of a policy; nil for an action
	buffer   api.Function
	fuel     api.MutableGlobal
	frames   api.Global    // room for frames that is left
	tank     int64         // fuel of one call
	extra    int64         // fuel of this call, for the size of its message and of what it was answered
	patience time.Duration // how long a call may take; 0 as long as its context
	spent    int64         // fuel of the last call
	took     time.Duration // by the last call
	cost     flow.GuestCost
	ptr      uint32 // where the guest's buffer lies
	room     uint32 // how much fits into it
	limit    uint32 // most bytes of memory it may have
	stack    [4]uint64
	dead     bool
}

// newInstance sets up an instance but for its guest.
func (e *Engine) newInstance(g *guest) *instance {
	w := &world{level: abi.LevelInfo, turn: turn{seats: e.seats}}
	i := &instance{
		name: g.manifest.Name, tally: g.tally, strikes: e.o.Strikes, world: w, visit: visit{world: w},
		tank: e.o.ActionFuel, patience: startTime, limit: uint32(min(uint64(g.room)*wasmPage, 1<<32-1)),
	}
	w.clock, w.random = realClock{time.Now()}, crand.Reader
	if g.manifest.Kind == vigil.PolicyModule {
		i.tank, i.now, i.random = e.o.PolicyFuel, &evaluationClock{}, &evaluationRandom{}
		w.clock, w.random = i.now, i.random
	}
	w.feed = i.feed
	g.tally.instances.Add(1)
	return i
}

// feed gives the call under way fuel for size more bytes to read.
func (i *instance) feed(size int) {
	more := fuelPerByte * int64(size)
	i.extra += more
	i.fuel.Set(i.fuel.Get() + uint64(more))
}

// instantiate makes an instance and tries its buffer.
func (e *Engine) instantiate(ctx context.Context, g *guest, r wazero.Runtime, compiled wazero.CompiledModule) (*instance, error) {
	return e.start(ctx, e.newInstance(g), g, r, compiled)
}

// start gives an instance that was set up its guest.
func (e *Engine) start(ctx context.Context, i *instance, g *guest, r wazero.Runtime, compiled wazero.CompiledModule) (_ *instance, err error) {
	if i.space, err = e.memory.reserve(uint64(g.pages)*wasmPage, uint64(i.limit)); err != nil {
		i.close(ctx)
		return nil, err
	}
	mod, err := r.InstantiateModule(experimental.WithMemoryAllocator(ctx, i.space), compiled, passive())
	if err != nil {
		return nil, i.failed(ctx, fmt.Errorf("start: %w", err))
	}
	i.mod, i.mem, i.buffer = mod, memory{mod.Memory()}, mod.ExportedFunction(abi.ExportBuffer)
	i.fuel, _ = i.mod.ExportedGlobal(binary.FuelGlobal).(api.MutableGlobal)
	i.world.fuel = i.fuel
	i.frames = i.mod.ExportedGlobal(binary.StackGlobal)
	if start := i.mod.ExportedFunction(abi.ExportInitialize); start != nil {
		if _, err := i.call(ctx, start); err != nil {
			return nil, err
		}
	}
	if _, err := i.reserve(ctx, abi.HeaderSize); err != nil {
		return nil, err
	}
	return i, nil
}

// passive is the configuration of a module that runs nothing by itself: its
// _initialize is called like any other export, with its fuel.
func passive() wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions()
}

// close ends the instance. Nothing of it may be used afterwards: its memory is
// the system's again.
func (i *instance) close(ctx context.Context) {
	if i.dead {
		return
	}
	i.dead = true
	i.tally.instances.Add(-1)
	if i.mod != nil {
		i.cost.Pages = i.pages()
		i.tally.grew(i.cost.Pages)
		_ = i.mod.Close(ctx) // documented to fail only for files, of which there are none
	}
	if i.space != nil {
		i.space.Free()
	}
	i.mem, i.mod = memory{}, nil
}

// pages is how much memory the guest has, 0 when it is closed.
func (i *instance) pages() uint32 {
	if i.mod == nil {
		return 0
	}
	return i.mem.Size() / wasmPage
}

// call calls an export with a full tank. Whatever ends it early ends the
// instance too.
func (i *instance) call(ctx context.Context, f api.Function, args ...uint64) (uint64, error) {
	if i.dead {
		return 0, vigil.Errorf(vigil.Conflict, "guest_closed", "instance of module %s is closed", i.name)
	}
	copy(i.stack[:], args)
	start, turn := time.Now(), &i.world.turn
	if turn.until = (time.Time{}); i.patience > 0 {
		turn.until = start.Add(i.patience)
	}
	if err := turn.sit(ctx); err != nil {
		return 0, i.failed(ctx, err)
	}
	i.visit.Context = ctx //nolint:fatcontext // replaced at each call, never nested
	i.fuel.Set(uint64(i.tank + i.extra))
	err := f.CallWithStack(&i.visit, i.stack[:]) //nolint:contextcheck // it holds the caller's
	i.visit.Context = nil
	turn.rise()
	i.spent = i.tank + i.extra - max(int64(i.fuel.Get()), 0)
	took := time.Since(start)
	i.tally.count(i.spent, took)
	i.took = took
	i.cost.Fuel, i.cost.Time = i.cost.Fuel+uint64(max(i.spent, 0)), i.cost.Time+took
	if err != nil {
		return 0, i.failed(ctx, err)
	}
	i.cost.Pages = i.pages()
	i.tally.grew(i.cost.Pages)
	return i.stack[0], nil
}

// reserve returns size bytes of the guest's buffer, in place. They are valid
// until the guest is called again.
func (i *instance) reserve(ctx context.Context, size int) ([]byte, error) {
	if i.dead || uint32(size) > i.room {
		ptr, err := i.call(ctx, i.buffer, uint64(size))
		if err != nil {
			return nil, err
		}
		if i.ptr, i.room = uint32(ptr), uint32(size); i.ptr == 0 || i.ptr%8 != 0 {
			return nil, i.failed(ctx, trap("guest_bad_pointer", "vigil_buffer answered %#x, want an address that 8 divides", i.ptr))
		}
	}
	i.extra = fuelPerByte * int64(size)
	b, ok := i.mem.Read(i.ptr, uint32(size))
	if !ok {
		return nil, i.failed(ctx, trap("guest_bad_pointer", "vigil_buffer answered %#x, %d bytes from there lie outside memory", i.ptr, size))
	}
	return b, nil
}

// send puts a message into the guest's buffer and calls f with args, its
// address and its length.
func (i *instance) send(ctx context.Context, f api.Function, message []byte, args ...uint64) (uint64, error) {
	b, err := i.reserve(ctx, len(message))
	if err != nil {
		return 0, err
	}
	copy(b, message)
	return i.call(ctx, f, append(args, uint64(i.ptr), uint64(len(message)))...)
}

// region returns the bytes that a guest's result names, in place, or the
// guest's refusal as an error.
func (i *instance) region(ctx context.Context, result uint64) ([]byte, error) {
	ptr, size, err := abi.Unpack(int64(result))
	if err != nil {
		return nil, i.refusal(ctx, err)
	}
	b, ok := i.mem.Read(ptr, size)
	if !ok {
		return nil, i.failed(ctx, trap("guest_bad_pointer", "answered %d bytes at %#x, outside its memory", size, ptr))
	}
	return b, nil
}

// refusal turns an error number into an error, with what the guest says of it.
func (i *instance) refusal(ctx context.Context, errno error) error {
	if errors.Is(errno, abi.ErrOutOfMemory) {
		return i.failed(ctx, trap("guest_memory", "ran out of memory"))
	}
	var said struct{ Code, Path, Message string }
	result, err := i.call(ctx, i.mod.ExportedFunction(abi.ExportLastError))
	if err != nil {
		return err
	}
	if ptr, size, err := abi.Unpack(int64(result)); err == nil {
		if b, ok := i.mem.Read(ptr, min(size, maxLastError)); ok {
			_ = json.Unmarshal(b, &said) // a guest that explains itself badly stays unexplained
		}
	}
	if said.Message == "" {
		said.Message = errno.Error()
	}
	code := "guest_refused"
	if errors.Is(errno, abi.ErrBadSettings) {
		code = "settings_invalid"
	}
	if said.Path != "" {
		said.Message = said.Path + ": " + said.Message
	}
	return vigil.Errorf(vigil.Invalid, code, "module %s: %s", i.name, cut(said.Message, maxMessage)).
		With("module", i.name).With("field", cut(said.Path, maxName)).With("reason", cut(said.Code, maxName))
}
