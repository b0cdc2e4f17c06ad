package wasm

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// startTime bounds the making of an instance.
const startTime = 10 * time.Second

// instance is one running copy of a guest, with a memory of its own. It
// belongs to one goroutine at a time.
type instance struct {
	name   string // of the module, for messages
	mod    api.Module
	mem    memory
	world  *world
	seed   *rand.ChaCha8    // of a policy's random numbers; nil for an action
	now    *evaluationClock // of a policy; nil for an action
	buffer api.Function
	ptr    uint32 // where the guest's buffer lies
	room   uint32 // how much fits into it
	limit  uint32 // most bytes of memory it may have
	stack  [4]uint64
	dead   bool
}

// instantiate makes an instance and tries its buffer.
func (e *Engine) instantiate(ctx context.Context, g *guest, compiled wazero.CompiledModule) (*instance, error) {
	i := &instance{name: g.manifest.Name, world: &world{level: abi.LevelInfo}, limit: uint32(min(uint64(e.pages)*wasmPage, 1<<32-1))}
	if g.manifest.Kind == vigil.PolicyModule {
		i.now, i.seed = &evaluationClock{}, rand.NewChaCha8([32]byte{})
		i.world.clock, i.world.random = i.now, i.seed
	} else {
		i.world.clock, i.world.random = realClock{time.Now()}, crand.Reader
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions(abi.ExportInitialize)
	mod, err := e.runtime.InstantiateModule(i.world.enter(ctx), compiled, config)
	if err != nil {
		return nil, i.failed(ctx, fmt.Errorf("start: %w", err))
	}
	i.mod, i.mem, i.buffer = mod, memory{mod.Memory()}, mod.ExportedFunction(abi.ExportBuffer)
	if _, err := i.reserve(ctx, abi.HeaderSize); err != nil {
		return nil, err
	}
	return i, nil
}

func (i *instance) close(ctx context.Context) {
	i.dead = true
	if i.mod != nil {
		_ = i.mod.Close(ctx) // documented to fail only for files, of which there are none
	}
}

// call calls an export. Whatever ends it early ends the instance too.
func (i *instance) call(ctx context.Context, f api.Function, args ...uint64) (uint64, error) {
	if i.dead {
		return 0, vigil.Errorf(vigil.Conflict, "guest_closed", "instance of module %s is closed", i.name)
	}
	copy(i.stack[:], args)
	if err := f.CallWithStack(i.world.enter(ctx), i.stack[:]); err != nil {
		return 0, i.failed(ctx, err)
	}
	return i.stack[0], nil
}

// failed closes the instance and says in one coded error why it had to.
func (i *instance) failed(ctx context.Context, err error) error {
	full := i.outOfMemory()
	i.close(context.WithoutCancel(ctx))
	var coded *vigil.Error
	var exit *sys.ExitError
	ours := errors.As(err, &coded) && coded.Code != "guest_trap"
	switch {
	case full && !ours && !errors.As(err, &exit):
		return i.broken(vigil.Invalid, "guest_memory", "ran out of memory")
	case coded != nil:
		return i.broken(coded.Kind, coded.Code, "%s", coded.Msg)
	case errors.As(err, &exit) && exit.ExitCode() == sys.ExitCodeContextCanceled:
		return fmt.Errorf("call module %s: %w", i.name, context.Canceled)
	case errors.As(err, &exit):
		return i.broken(vigil.Timeout, "guest_deadline", "did not answer in time")
	}
	if why := i.world.log.crash; why != "" {
		return i.broken(vigil.Invalid, "guest_trap", "%s: %s", firstLine(err), why)
	}
	return i.broken(vigil.Invalid, "guest_trap", "%s", firstLine(err))
}

func (i *instance) broken(kind vigil.Kind, code, format string, args ...any) error {
	return vigil.Errorf(kind, code, "module "+i.name+": "+format, args...).With("module", i.name)
}

// outOfMemory reports whether a guest that crashed did so for want of memory:
// its runtime said so, or it has all that it may have. A Go guest grows by
// 4 MiB, so that less than this left is nothing.
func (i *instance) outOfMemory() bool {
	if strings.Contains(i.world.log.crash, "out of memory") {
		return true
	}
	return i.mod != nil && i.mem.Size() > i.limit-min(4<<20, i.limit/8)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return cut(strings.TrimPrefix(strings.TrimSuffix(line, " (recovered by wazero)"), "wasm error: "), maxMessage)
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
		if b, ok := i.mem.Read(ptr, min(size, maxManifest)); ok {
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
		With("module", i.name).With("field", cut(said.Path, maxNameLength)).With("reason", cut(said.Code, maxNameLength))
}
