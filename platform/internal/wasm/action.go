package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Prepare compiles an action module and keeps a pristine instance ready, so
// that a later RunAction starts at once.
func (e *Engine) Prepare(ctx context.Context, digest string, bytes func() ([]byte, error)) error {
	g, err := e.action(ctx, digest, bytes)
	if err != nil {
		return err
	}
	defer e.release(ctx, g)
	e.refill(ctx, g)
	return nil
}

// Hold compiles a module and keeps it, with its first instance, until release
// is called, so that whoever opens it meanwhile need not wait.
func (e *Engine) Hold(ctx context.Context, digest string, bytes func() ([]byte, error)) (release func(), err error) {
	g, err := e.acquire(ctx, digest, source{bytes: bytes})
	if err != nil {
		return nil, err
	}
	return func() {
		e.drop(context.WithoutCancel(ctx), g)
		e.release(context.WithoutCancel(ctx), g)
	}, nil
}

func (e *Engine) action(ctx context.Context, digest string, bytes func() ([]byte, error)) (*guest, error) {
	g, err := e.acquire(ctx, digest, source{bytes: bytes})
	if err != nil {
		return nil, err
	}
	if g.manifest.Kind != vigil.ActionModule {
		e.release(ctx, g)
		return nil, vigil.Errorf(vigil.Invalid, "module_kind", "module %s is a %s, not an action", g.manifest.Name, g.manifest.Kind)
	}
	return g, nil
}

// RunAction runs an action module once, in an instance of its own, and returns
// what it answered and the lines that it logged, also when it failed. The time
// limit is the context's, or the default timeout if it has none.
func (e *Engine) RunAction(ctx context.Context, digest string, bytes func() ([]byte, error), in vigil.ActionInput, calls Caller) (vigil.ActionOutput, []string, error) {
	g, err := e.action(ctx, digest, bytes)
	if err != nil {
		return vigil.ActionOutput{}, nil, err
	}
	defer e.release(ctx, g)
	inst, err := e.fresh(ctx, g)
	if err != nil {
		return vigil.ActionOutput{}, nil, err
	}
	defer inst.close(context.WithoutCancel(ctx))
	// The next spare is made while this guest waits for the world, so that the
	// two do not compete for the processor before the deed.
	refill := sync.OnceFunc(func() { e.refill(ctx, g) })
	defer refill()
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, vigil.DefaultTimeout.D())
		defer cancel()
	}
	inst.patience, inst.world.caller, inst.world.waits = 0, calls, refill
	out, err := inst.run(ctx, in)
	dropped := inst.world.log.dropped
	lines := inst.world.log.take()
	if dropped > 0 {
		lines = append(lines, strconv.Itoa(dropped)+" more lines were dropped")
	}
	return out, lines, err
}

// run sends the input to vigil_run and reads its answer.
func (i *instance) run(ctx context.Context, in vigil.ActionInput) (vigil.ActionOutput, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return vigil.ActionOutput{}, fmt.Errorf("encode input of remediation %s: %w", in.Remediation, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		i.world.deadline = deadline.UnixNano()
	}
	result, err := i.send(ctx, i.mod.ExportedFunction(abi.ExportRun), input)
	if err != nil {
		return vigil.ActionOutput{}, err
	}
	i.tally.ask(i.spent, i.took)
	b, err := i.region(ctx, result)
	if err != nil {
		return vigil.ActionOutput{}, err
	}
	if len(b) > maxOutput {
		return vigil.ActionOutput{}, i.failed(ctx, trap("guest_quota", "answered %d bytes, the limit is %d", len(b), maxOutput))
	}
	var out vigil.ActionOutput
	if err := json.Unmarshal(append([]byte(nil), b...), &out); err != nil {
		return vigil.ActionOutput{}, i.failed(ctx, trap("guest_bad_reply", "answer is no ActionOutput: %s", err))
	}
	out.Code, out.Message = cut(out.Code, maxName), cut(out.Message, maxMessage)
	return out, nil
}
