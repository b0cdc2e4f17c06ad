package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// failed closes the instance and says in one coded error why it had to. What
// the caller, the host or a slow world is to blame for does not count against
// the module: an action that waits too long may have waited for the world.
func (i *instance) failed(ctx context.Context, err error) error {
	fault := i.fault(err)
	i.close(context.WithoutCancel(ctx))
	if fault == nil {
		return fmt.Errorf("call module %s: %w", i.name, err)
	}
	waited := fault.Kind == vigil.Timeout && i.now == nil
	if fault.Kind != vigil.Busy && !waited {
		i.tally.trap(fault.Code, time.Now(), i.strikes)
	}
	return fault
}

// fault says what the guest did wrong, nil if nothing. What the host noticed
// comes first, then what the meter left behind, then what the guest said.
func (i *instance) fault(err error) *vigil.Error {
	var coded *vigil.Error
	switch crash := i.world.log.crash; {
	case errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return i.broken(vigil.Timeout, "guest_deadline", "did not answer in time")
	case errors.As(err, &coded) && coded.Code != "guest_trap":
		return i.broken(coded.Kind, coded.Code, "%s", coded.Msg)
	case i.fuel != nil && int64(i.fuel.Get()) < 0:
		return i.broken(vigil.Invalid, "guest_fuel", "used more than %d units of fuel in one call", i.tank+i.extra).With("limit", i.tank+i.extra)
	case i.frames != nil && int64(i.frames.Get()) < 0:
		return i.broken(vigil.Invalid, "guest_stack", "called itself too deeply")
	case i.outOfMemory():
		return i.broken(vigil.Invalid, "guest_memory", "ran out of memory")
	case coded != nil:
		return i.broken(coded.Kind, coded.Code, "%s", coded.Msg)
	case crash != "":
		return i.broken(vigil.Invalid, "guest_trap", "%s: %s", firstLine(err), crash)
	}
	return i.broken(vigil.Invalid, "guest_trap", "%s", firstLine(err))
}

func (i *instance) broken(kind vigil.Kind, code, format string, args ...any) *vigil.Error {
	return vigil.Errorf(kind, code, "module "+i.name+": "+format, args...).With("module", i.name)
}

// outOfMemory reports whether a guest that crashed did so for want of memory:
// its runtime said so, it was refused what others have, or it has all that it
// may have. A Go guest grows by 4 MiB, so that less than this left is nothing.
func (i *instance) outOfMemory() bool {
	if strings.Contains(i.world.log.crash, "out of memory") || i.space != nil && i.space.refused {
		return true
	}
	return i.mod != nil && i.mem.Size() > i.limit-min(4<<20, i.limit/8)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return cut(strings.TrimPrefix(strings.TrimSuffix(line, " (recovered by wazero)"), "wasm error: "), maxMessage)
}
