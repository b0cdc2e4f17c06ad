package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The limits of one vector's play. A whole run may burn ten times the fuel, but
// there may be many vectors, and the interpreter is slow; a run of restart-service
// burns a tenth of this. The time only ends what waits: a busy machine must not
// refuse a module.
const (
	proofFuel = 500_000_000
	proofTime = time.Minute
)

// actionPlayer plays the vectors of an action, each in an instance of its own,
// as each run has, and in the vector's world.
func (e *Engine) actionPlayer(g *guest) (player, error) {
	vectors := make([]actiontest.Vector, len(g.manifest.Vectors))
	for i, doc := range g.manifest.Vectors {
		v, err := actiontest.Parse(doc)
		if err != nil {
			return nil, vigil.Errorf(vigil.Invalid, "module_manifest", "vector %d: %s", i, err).With("vector", i)
		}
		vectors[i] = v
	}
	return func(ctx context.Context, r wazero.Runtime, compiled wazero.CompiledModule) ([]verdict, error) {
		did := make([]verdict, len(vectors))
		for i, v := range vectors {
			doc, err := e.perform(ctx, g, r, compiled, v)
			if err != nil {
				return nil, fmt.Errorf("play vector %d: %w", i, err)
			}
			did[i].did = string(doc)
		}
		return did, nil
	}, nil
}

// perform runs an action once and returns its output and its calls. Clock,
// random numbers and deadline are the same in every play.
func (e *Engine) perform(ctx context.Context, g *guest, r wazero.Runtime, compiled wazero.CompiledModule, v actiontest.Vector) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	world := v.World()
	i := e.newInstance(g)
	i.world.clock, i.world.random = &evaluationClock{now: world.Deadline().Add(-vigil.DefaultTimeout.D()).UnixNano()}, &evaluationRandom{}
	i.world.deadline, i.world.caller = world.Deadline().UnixNano(), actiontest.Hosted{World: world}
	i.tank, i.patience = min(i.tank, proofFuel), proofTime
	i, err := e.start(ctx, i, g, r, compiled)
	if err != nil {
		return nil, err
	}
	defer i.close(context.WithoutCancel(ctx))
	out, err := i.run(context.WithoutCancel(ctx), v.Input) // its deadline would be told to the guest
	if err != nil {
		return nil, err
	}
	return json.Marshal(actiontest.Played{Output: out, Calls: world.Calls})
}
