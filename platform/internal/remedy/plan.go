package remedy

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// plan makes a remediation of a firing episode; mode suggest asks a person first.
func (d *draft) plan(key string, sig signal, target vigil.Target) {
	if d.full() {
		return
	}
	f := sig.firing
	runbook, err := filled(f, target)
	if err != nil {
		d.fail(err) // no guard lets it come so far
		return
	}
	r := vigil.Remediation{
		Origin: vigil.FromPolicy, By: "policy:" + f.Policy.Name,
		Policy: f.Policy.Name, Digest: f.Policy.Digest, Revision: f.Policy.Revision,
		Episode: f.Episode.ID, Decision: f.Decision, Target: target, Group: groupOf(f),
		Reason: f.Reason, Value: f.Value, SampleAt: f.SampleAt, ReceivedAt: f.ReceivedAt,
		Runbook: runbook, Guards: f.Policy.Guards, Verify: f.Policy.Verify, RecoverFor: f.Policy.RecoverFor,
	}
	if r.Reason == "" {
		r.Reason = fmt.Sprintf("%s is %g", f.Series, f.Value)
	}
	first := vigil.Planned
	if d.mode(f.Policy) == vigil.Suggest {
		first = vigil.AwaitingApproval
	}
	d.create(&r, d.newID("rem"), f.Trace, first)
	sig.hold, sig.acted = nil, f.SampleAt
	d.tell(&sig)
	d.signals.put(key, sig)
}

// create gives a new remediation its identity and its first state.
func (d *draft) create(r *vigil.Remediation, id string, parent flow.SpanContext, first vigil.State) {
	r.ID, r.Tenant = id, d.tenant
	r.CreatedAt, r.PlannedAt = d.now, d.now
	d.root(r, parent)
	d.move(r, first, r.By, r.Reason, map[string]any{
		"policy": r.Policy, "revision": r.Revision, "value": r.Value, "sample_at": r.SampleAt, "runbook": r.Runbook,
	})
	d.save(r)
	d.out.Remediation = r.ID
	d.out.Spans = append(d.out.Spans, guardSpan(*r, d.now))
}

func (d *draft) full() bool {
	if d.open.len() < maxOpen {
		return false
	}
	d.fail(vigil.Errorf(vigil.Busy, "remediations_full", "%d remediations are open already", maxOpen))
	return true
}

// appeal gathers what the guards must know of a remediation that is about to
// be handed out. What the policy says now counts, not what it said then.
func (d *draft) appeal(r vigil.Remediation) guard.Request {
	m, _ := d.targets.get(r.Target.String())
	req := guard.Request{
		Manual: r.Origin != vigil.FromPolicy, Mode: vigil.Auto, Guards: r.Guards, KillSwitch: d.killSwitch, Started: d.started,
		Brakes: d.brakes, Policy: r.Policy, Target: r.Target, Resting: d.atRest(r.Target),
		Firing: true, SampleAt: d.now, PlannedAt: r.PlannedAt, Revision: r.Revision, Current: r.Revision, Deeds: m.Deeds,
	}
	if sig, ok := d.signalOf(r); ok {
		req.Firing, req.SampleAt, req.ReceivedAt = sig.fires(), sig.firing.SampleAt, sig.firing.ReceivedAt
		req.Lookback, req.Current = sig.firing.Policy.Lookback.D(), sig.firing.Policy.Revision
	}
	if r.State == vigil.AwaitingApproval { // people have longer than machines
		req.AskedAt, req.PlannedAt = r.PlannedAt, time.Time{}
	}
	if req.Manual {
		return req
	}
	req.Unmanaged = d.untouchable(r.Target)
	d.fleetOf(&req, r.Policy, r.Group, r.Target)
	if again(&r) {
		req.Buckets = nil // it was counted when it was handed out the first time
	}
	return req
}

// confirmed reports whether the reason for a remediation is known to stand:
// after a restart a policy has to say so again.
func (d *draft) confirmed(r vigil.Remediation) bool {
	_, ok := d.signalOf(r)
	return ok || r.Origin != vigil.FromPolicy
}

// review asks the guards about a remediation that waits, and moves it if they
// say so. It reports whether the remediation may go on.
func (d *draft) review(r *vigil.Remediation) bool {
	req := d.appeal(*r)
	req.Denied = d.denied(r.Runbook, r.Step)
	hold := d.ask(guard.Lease, req)
	switch {
	case hold == nil:
		return true
	case hold.Reason == vigil.BlockStale:
		d.skip(r, hold)
	case hold.Reason == vigil.BlockResolved: // the policy will say cleared, or fire again
	default:
		d.block(r, hold)
	}
	return false
}

// block holds a remediation back until the reason ends; only a new reason is
// recorded.
func (d *draft) block(r *vigil.Remediation, hold *vigil.Hold) {
	if was := r.Hold; r.State == vigil.Blocked && was != nil && was.Reason == hold.Reason {
		if !was.RetryAt.Equal(hold.RetryAt) || was.Detail != hold.Detail {
			r.Hold = hold
			d.keep(*r)
		}
		return
	}
	d.out.Held = append(d.out.Held, hold.Reason)
	r.Hold = hold
	if r.State == vigil.Blocked {
		d.record(vigil.AuditRecord{
			By: "vigil", Verb: "remediation.held", Object: r.ID, Target: r.Target.String(),
			To: string(hold.Reason), Message: hold.Detail, Detail: asJSON(hold),
		})
	} else {
		d.move(r, vigil.Blocked, "vigil", hold.Detail, hold)
	}
	d.save(r)
}

// unblock lets a blocked remediation go on when nothing holds it any more.
func (d *draft) unblock(id string) {
	r, ok := d.edit(id)
	if !ok || r.State != vigil.Blocked || !d.confirmed(r) || r.Hold != nil && d.now.Before(r.Hold.RetryAt) {
		return
	}
	if d.review(&r) {
		r.Hold = nil
		d.move(&r, vigil.Planned, "vigil", "nothing holds it back any more", nil)
		d.save(&r)
	}
}
