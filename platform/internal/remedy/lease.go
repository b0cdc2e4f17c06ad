package remedy

import (
	"maps"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Registered says that a remediator is there, and what it can reach.
type Registered struct{ Remediator vigil.Remediator }

func (e Registered) apply(d *draft) {
	h := e.Remediator
	was, known := d.hands.get(h.ID)
	switch {
	case h.ID == "" || h.Host == "":
		d.fail(vigil.Errorf(vigil.Invalid, "remediator_invalid", "a remediator has an id and a host"))
		return
	case len(h.Services) > maxServices:
		d.fail(vigil.Errorf(vigil.TooLarge, "remediator_services", "remediator %s has %d services, the limit is %d", h.ID, len(h.Services), maxServices))
		return
	case !known && d.hands.len() >= maxHands:
		d.fail(vigil.Errorf(vigil.Busy, "remediators_full", "%d remediators are registered already", maxHands))
		return
	}
	h.SeenAt = d.now
	d.hands.put(h.ID, h)
	if !slices.Equal(offers(was), offers(h)) {
		d.house(was, h)
		d.again(func(s signal) bool { return s.hold != nil && s.hold.Reason == vigil.BlockUnmanaged })
	}
	d.rest(h)
}

// Polled says that a remediator asks for work. Its poll is among the event's
// waiting ones.
type Polled struct{ Remediator string }

func (e Polled) apply(d *draft) {
	h, ok := d.hands.get(e.Remediator)
	if !ok {
		d.fail(vigil.Errorf(vigil.NotFound, "remediator_unknown", "remediator %q has not registered", e.Remediator).
			Hinted("register it again; a collector forgets its remediators when it restarts"))
		return
	}
	h.SeenAt = d.now
	d.hands.put(h.ID, h)
}

// handout leases what is planned to the remediators that wait for it, oldest
// first.
func (d *draft) handout() {
	if len(d.waiting) == 0 {
		return
	}
	for _, id := range d.queue {
		r, _ := d.edit(id)
		h, ok := d.waiter(r.Target)
		if ok && d.confirmed(r) && d.review(&r) && d.agreed(&r) {
			d.lease(&r, h)
		}
	}
}

// waiter finds a remediator that serves the target and waits for work.
func (d *draft) waiter(t vigil.Target) (vigil.Remediator, bool) {
	for _, id := range slices.Sorted(maps.Keys(d.waiting)) {
		if h, ok := d.hands.get(id); ok && d.waiting[id] > 0 && serves(h, t) {
			return h, true
		}
	}
	return vigil.Remediator{}, false
}

// lease hands the remediation's present step to a waiting remediator.
func (d *draft) lease(r *vigil.Remediation, h vigil.Remediator) {
	step := r.Runbook[r.Step]
	act, _ := d.action(step.Action)
	d.waiting[h.ID]--
	var fence uint64
	d.remember(r.Target, func(m *flow.TargetMemory) { m.Fence++; fence = m.Fence })
	timeout := step.Timeout
	if timeout <= 0 {
		timeout = vigil.DefaultTimeout
	}
	a := vigil.Attempt{
		Step: r.Step, Action: act.Module.Name, Digest: act.Module.Digest, Remediator: h.ID, Fence: fence,
		LeasedAt: d.now, LeaseUntil: d.now.Add(timeout.D() + 2*lostAfter),
	}
	d.spend(r)
	// What never started leaves no trace but its audit record: its place and
	// number are taken again.
	if last := r.Current(); last != nil && last.StartedAt.IsZero() {
		r.Attempts = r.Attempts[:len(r.Attempts)-1]
	}
	if last := r.Current(); last != nil && last.Step == r.Step && last.Code == codeLost {
		a.Previous = string(vigil.Unknown)
	}
	a.N = len(r.Attempts) + 1
	r.Attempts, r.Hold = append(r.Attempts, a), nil
	d.beats.put(r.ID, d.now)
	d.move(r, vigil.Leased, "remediator:"+h.ID, "leased to "+h.ID, map[string]any{"attempt": a.N, "fence": fence, "digest": a.Digest})
	d.save(r)
	d.out.Leases = append(d.out.Leases, Handout{Remediator: h.ID, Lease: flow.Lease{
		Remediation: r.ID, Tenant: r.Tenant, Attempt: a.N, Previous: a.Previous, Fence: fence, Target: r.Target,
		Reason: r.Reason, Action: a.Action, Digest: a.Digest, With: step.With, Grants: act.Grants,
		Timeout: timeout, Heartbeat: vigil.Duration(beatEvery), Until: a.LeaseUntil, Trace: leaseContext(*r, a.N).String(),
	}})
}

// holder finds the remediation that a lease speaks of, if the lease still
// stands: in one of the states, same attempt, same fence.
func (d *draft) holder(id string, attempt int, fence uint64, in ...vigil.State) (vigil.Remediation, bool) {
	r, ok := d.edit(id)
	a := r.Current()
	if ok && a != nil && a.N == attempt && a.Fence == fence && slices.Contains(in, r.State) {
		return r, true
	}
	d.fail(vigil.Errorf(vigil.Conflict, "lease_lost", "the lease of %s, attempt %d, fence %d no longer stands", id, attempt, fence))
	return vigil.Remediation{}, false
}

// Started says that a remediator is about to enter the action. When the change
// is durable, so is the intent.
type Started struct{ Lease flow.Lease }

func (e Started) apply(d *draft) {
	l := e.Lease
	r, ok := d.holder(l.Remediation, l.Attempt, l.Fence, vigil.Leased, vigil.Running)
	if !ok || r.State == vigil.Running { // told twice: the first answer was lost
		return
	}
	hold := d.ask(guard.Start, d.appeal(r))
	if hold != nil {
		d.block(&r, hold)
		d.fail(heldError(r.ID, hold))
		return
	}
	a := r.Current()
	a.StartedAt = d.now
	d.beats.put(r.ID, d.now)
	d.move(&r, vigil.Running, "remediator:"+a.Remediator, "runs "+a.Action, map[string]any{
		"why": r.Reason, "policy": r.Policy, "revision": r.Revision, "digest": a.Digest,
		"attempt": a.N, "previous": a.Previous, "fence": a.Fence, "with": r.Runbook[a.Step].With,
	})
	d.save(&r)
}

// Beat says that an executor is alive.
type Beat struct{ Lease flow.Lease }

func (e Beat) apply(d *draft) {
	l := e.Lease
	r, ok := d.holder(l.Remediation, l.Attempt, l.Fence, vigil.Leased, vigil.Running)
	if !ok {
		d.out.Renewal.Cancel = true
		return
	}
	// The digest is asked for, not the name: a newer upload has other grants. One
	// that may no longer be used has none.
	act, ok := d.action(r.Current().Digest)
	if !ok {
		return // the step is taken again with it looked up
	}
	d.out.Renewal.Grants = append([]vigil.Grant{}, act.Grants...)
	d.beats.put(r.ID, d.now)
	_, asked := d.cancels.get(r.ID)
	if hold := guard.Check(guard.For(guard.Start), d.appeal(r), d.now); hold != nil {
		d.out.Renewal.Hold = hold.Detail
	}
	d.out.Renewal.Cancel = asked || d.killSwitch.Engaged || d.now.After(overdue(r))
}

// overdue is when the running action's timeout ends; zero-time plus a lease's
// life when nothing runs.
func overdue(r vigil.Remediation) time.Time {
	a := r.Current()
	if r.State != vigil.Running {
		return a.LeaseUntil
	}
	timeout := r.Runbook[a.Step].Timeout
	if timeout <= 0 {
		timeout = vigil.DefaultTimeout
	}
	return a.StartedAt.Add(timeout.D())
}
