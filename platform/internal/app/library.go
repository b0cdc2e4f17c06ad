package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// library is the registry as HTTP reaches it: it alone knows both the modules
// and who uses them.
type library struct {
	*module.Registry
	t      *tenant
	engine *wasm.Engine
}

// List returns all modules with what uses them and what they cost.
func (l library) List(ctx context.Context) ([]vigil.Module, error) {
	rows, err := l.t.policies.List(ctx)
	if err != nil {
		return nil, err
	}
	uses, err := l.uses(ctx, rows)
	if err != nil {
		return nil, err
	}
	list, err := l.ListUsed(ctx, uses)
	costs := costsOf(l.engine.Stats())
	for i, m := range list {
		list[i].Cost = costs[m.Digest]
	}
	return list, err
}

// costsOf says what each module has cost, by digest.
func costsOf(s wasm.Stats) map[string]*vigil.ModuleCost {
	costs := make(map[string]*vigil.ModuleCost, len(s.Modules))
	for _, m := range s.Modules {
		traps := uint64(0)
		for _, n := range m.Traps {
			traps += n
		}
		c := &vigil.ModuleCost{
			Calls: m.Calls, Samples: m.Samples, Fuel: m.Fuel, Asked: m.Asked, Time: vigil.Duration(m.Time), Pages: m.Pages,
			Traps: traps, LastTrap: m.LastTrap, Quarantined: m.Quarantined,
		}
		if m.Samples > 0 {
			c.FuelPerSample = float64(m.AskedFuel) / float64(m.Samples)
		}
		if m.Asked > 0 {
			c.FuelPerCall, c.TimePerCall = float64(m.AskedFuel)/float64(m.Asked), vigil.Duration(m.AskedTime/time.Duration(m.Asked))
		}
		costs[m.Digest] = c
	}
	return costs
}

// Delete deletes a module that nothing uses. No policy can begin to use it
// meanwhile; a remediation that a person asks for in that moment finds no
// module and is not started.
func (l library) Delete(ctx context.Context, by, ref string) error {
	return l.t.policies.Still(ctx, func(rows []flow.PolicyRow) error {
		uses, err := l.uses(ctx, rows)
		if err != nil {
			return err
		}
		m, err := l.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		if err := l.Registry.Delete(ctx, by, ref, uses); err != nil {
			return err
		}
		return l.forget(ctx, m)
	})
}

// State returns what a module keeps for itself under keys that begin with
// prefix.
func (l library) State(ctx context.Context, ref, prefix string) ([]vigil.StateEntry, error) {
	m, err := l.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	return l.t.recall.Entries(ctx, m, prefix)
}

// RemoveState deletes one key of what a module keeps for itself.
func (l library) RemoveState(ctx context.Context, by, ref, key string) error {
	m, err := l.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	return l.t.recall.Remove(ctx, by, m, key)
}

// forget deletes what a module kept for itself when the last of its name is
// gone: another one that comes to use the name begins with nothing.
func (l library) forget(ctx context.Context, gone vigil.Module) error {
	list, err := l.Registry.List(ctx)
	if err != nil {
		return err
	}
	same := func(m vigil.Module) bool { return m.Kind == gone.Kind && m.Name == gone.Name }
	if slices.ContainsFunc(list, same) {
		return nil
	}
	if err := l.t.recall.Forget(ctx, gone); err != nil {
		return fmt.Errorf("forget state of %s: %w", gone.Name, err)
	}
	return nil
}

// uses gathers what policies and open remediations refer to.
func (l library) uses(ctx context.Context, rows []flow.PolicyRow) ([]module.Use, error) {
	uses := make([]module.Use, 0, len(rows))
	for _, p := range rows {
		uses = append(uses, module.Use{By: "policy " + p.Name, Refs: append(actionsOf(p.Runbook), p.Digest)})
	}
	now, err := l.t.db.LoadTreatment(ctx)
	if err != nil {
		return nil, fmt.Errorf("read open remediations: %w", err)
	}
	for _, r := range now.Open {
		refs := actionsOf(r.Runbook)
		if a := r.Current(); a != nil {
			refs = append(refs, a.Digest)
		}
		uses = append(uses, module.Use{By: "remediation " + r.ID, Refs: refs})
	}
	return uses, nil
}

func actionsOf(runbook []vigil.Step) []string {
	refs := make([]string, 0, len(runbook)+1)
	for _, step := range runbook {
		refs = append(refs, step.Action)
	}
	return refs
}
