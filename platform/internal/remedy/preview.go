package remedy

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Preview says what a remediation would do, and what the guards say of it now;
// nil if it has begun, or is over. It changes nothing.
func (h *Healer) Preview(ctx context.Context, id string) (*vigil.Preview, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := Event{Actions: map[string]Action{}}
	for {
		d := newDraft(h.state, e, h.o.Now())
		p := d.preview(id)
		if len(d.out.Missing) == 0 {
			return p, nil
		}
		if err := h.lookUp(ctx, &e, d.out.Missing); err != nil {
			return nil, err
		}
	}
}

// preview asks the guards what they would say if a person agreed now.
func (d *draft) preview(id string) *vigil.Preview {
	r, ok := d.edit(id)
	if !ok || r.State != vigil.AwaitingApproval && r.State != vigil.Planned && r.State != vigil.Blocked {
		return nil
	}
	req := d.appeal(r)
	req.Denied = d.denied(r.Runbook, r.Step)
	c := d.census(r.Policy, r.Group)
	p := &vigil.Preview{
		Action: r.Runbook[r.Step].Action, Group: r.Group, Known: c.Known, Bad: c.Bad(), Treated: d.others(r.Group, r.Target),
		Budget: r.Guards.Budget, Hold: d.ask(guard.Lease, req),
	}
	for _, at := range req.Deeds {
		p.Used += count(d.now.Sub(at) < p.Budget.Per.D())
	}
	if ends := d.lastDeed(r.Target).Add(r.Guards.Cooldown.D()); ends.After(d.now) {
		p.CooldownEnds = ends
	}
	if r.State == vigil.AwaitingApproval {
		p.AnswerBy = r.PlannedAt.Add(r.Guards.Approval().D())
	}
	return p
}
