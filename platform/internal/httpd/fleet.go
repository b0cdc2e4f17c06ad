package httpd

import (
	"context"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// markInput is what a person says of a target.
type markInput struct {
	Mark   string `json:"mark" enum:"protected,unprotected,decommissioned,recommissioned"`
	Reason string `json:"reason,omitempty" maxLength:"1024"`
}

type targetInput struct {
	Target string `path:"target" example:"service:web@host-1"`
}

type policyInput struct {
	Policy string `path:"policy"`
}

// fleet binds the inventory of targets and the breakers.
func (s *site) fleet() {
	partTargets := func(t Tenant) Targets { return t.Targets }
	bind(s, "targets.list", partTargets, func(ctx context.Context, _ *request, p Targets, _ *none) (*answer200[items[vigil.KnownTarget]], error) {
		all, err := p.Targets(ctx)
		return listed(all), err
	})
	bind(s, "targets.mark", partTargets, markTarget, takes[markInput](s))
	partBreakers := func(t Tenant) Breakers { return t.Breakers }
	list := func(ctx context.Context, p Breakers) (*answer200[items[vigil.Breaker]], error) {
		all, err := p.Breakers(ctx)
		return listed(all), err
	}
	bind(s, "breakers.list", partBreakers, func(ctx context.Context, _ *request, p Breakers, _ *none) (*answer200[items[vigil.Breaker]], error) {
		return list(ctx, p)
	})
	bind(s, "breakers.reset", partBreakers, func(ctx context.Context, r *request, p Breakers, in *policyInput) (*answer200[items[vigil.Breaker]], error) {
		if err := p.ResetBreaker(ctx, in.Policy, r.by.Name); err != nil {
			return nil, err
		}
		return list(ctx, p)
	})
}

// markTarget is answered by the inventory, as it is then.
func markTarget(ctx context.Context, r *request, p Targets, in *targetInput) (*answer200[items[vigil.KnownTarget]], error) {
	target, err := vigil.ParseTarget(in.Target)
	if err != nil {
		return nil, err
	}
	body, err := bodyAs[markInput](r)
	if err != nil {
		return nil, err
	}
	if len(body.Reason) > 1024 {
		return nil, vigil.Errorf(vigil.Invalid, "reason_too_long", "a reason has at most 1024 bytes").With("field", "reason")
	}
	if err := p.Mark(ctx, target, body.Mark, r.by.Name, body.Reason); err != nil {
		return nil, err
	}
	all, err := p.Targets(ctx)
	return listed(all), err
}
