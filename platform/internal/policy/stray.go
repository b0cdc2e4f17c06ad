package policy

import (
	"context"
	"errors"
	"math/bits"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxStrays bounds what a shard has to say of strays in one turn.
const maxStrays = 16

// stray notes that a rule's policy or module left its scope, ever more rarely:
// the first time, the second, the fourth and so on.
func (sh *shard) stray(r *rule, why string) {
	if n := r.strays.Add(1); bits.OnesCount64(n) == 1 && len(sh.strays) < maxStrays {
		sh.strays = append(sh.strays, flow.Stray{Policy: r.name, Why: clip(why)})
	}
}

// confess has the healer record the strays of the turn. What it cannot record now
// is told again by a later turn.
func (sh *shard) confess(ctx context.Context) error {
	for i, s := range sh.strays {
		if err := sh.e.opts.Treat.Strayed(ctx, s); err != nil {
			sh.strays = sh.strays[i:]
			return err
		}
	}
	sh.strays = sh.strays[:0]
	return nil
}

// outside reports whether a guest's call failed because it spoke of a series that
// it was not asked about.
func outside(err error) bool {
	e, ok := errors.AsType[*vigil.Error](err)
	return ok && e.Code == "target_out_of_scope"
}
