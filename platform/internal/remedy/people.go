package remedy

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Wished says that a person wants a remediation. Patient asks to be told to
// wait when nothing but a verification stands in the way.
type Wished struct {
	Wish    flow.Wish
	ID      string // "" draws one; a wish with an idempotency key brings its own
	Patient bool
}

func (e Wished) apply(d *draft) {
	w := e.Wish
	runbook := []vigil.Step{{Action: w.Action, Timeout: vigil.DefaultTimeout}}
	act, _ := d.action(w.Action)
	target, unmanaged := d.place(w.Target, "")
	switch {
	case unmanaged != "":
		d.fail(vigil.Errorf(vigil.NotFound, "target_unknown", "%s", unmanaged))
		return
	case act.Err != nil:
		d.fail(act.Err)
		return
	case d.full():
		return
	}
	m, _ := d.targets.get(target.String())
	req := guard.Request{
		Manual: true, Guards: d.manual.Guards, KillSwitch: d.killSwitch, Started: d.started,
		Brakes: d.brakes, Target: target, Resting: d.atRest(target),
		Busy: d.occupant("", target, true), Deeds: m.Deeds, Denied: d.denied(runbook, 0),
	}
	if hold := d.ask(guard.Wish, req); hold != nil {
		d.refuse(e, target, req.Busy, hold)
		return
	}
	r := vigil.Remediation{
		Origin: vigil.FromPerson, By: w.By, Target: target, Reason: w.Reason,
		Runbook: runbook, Guards: d.manual.Guards, Verify: d.manual.Verify,
	}
	if r.Reason == "" {
		r.Reason = w.By + " asked for " + w.Action
	}
	id := e.ID
	if id == "" {
		id = d.newID("rem")
	}
	parent, _ := flow.ParseTraceparent(w.Trace)
	d.create(&r, id, parent, vigil.Planned)
}

// refuse tells a person why not, and records it, unless waiting may help.
func (d *draft) refuse(e Wished, target vigil.Target, busy *guard.Busy, hold *vigil.Hold) {
	if e.Patient && hold.Reason == vigil.BlockTargetBusy && busy.State == vigil.Verifying {
		d.out.Wait = true
		return
	}
	d.turnDown(e.Wish.By, e.Wish.Action, target, hold)
}

// turnDown records and answers that a person's action is held.
func (d *draft) turnDown(by, action string, target vigil.Target, hold *vigil.Hold) {
	d.out.Held = append(d.out.Held, hold.Reason)
	d.record(vigil.AuditRecord{
		By: by, Verb: "remediation.held", Object: target.String(), Target: target.String(),
		To: string(hold.Reason), Message: action + " was not started: " + hold.Detail, Detail: asJSON(hold),
	})
	d.fail(heldError(action+" on "+target.String(), hold))
}

// heldError is a guard's refusal as a person meets it.
func heldError(what string, hold *vigil.Hold) error {
	err := vigil.Errorf(vigil.Held, "held", "%s is held: %s", what, hold.Detail).With("reason", hold.Reason)
	if !hold.RetryAt.IsZero() {
		return err.With("retry_at", hold.RetryAt)
	}
	return err
}

// Approved says that a person agrees to what awaits approval, or wants an
// action that may have run to be started again.
type Approved struct {
	ID, By  string
	Version int64 // of the remediation that the person saw; 0: whichever it has
}

func (e Approved) apply(d *draft) {
	r, ok := d.waits(e.ID, "approve", vigil.AwaitingApproval, vigil.Unknown)
	if !ok {
		return
	}
	if e.Version != 0 && e.Version != r.Version {
		d.fail(vigil.Errorf(vigil.Conflict, "remediation_changed", "remediation %s is at version %d, and version %d was approved", r.ID, r.Version, e.Version).
			With("version", r.Version).Hinted("look at it anew: vigil remediation show %s", r.ID))
		return
	}
	if r.State == vigil.AwaitingApproval {
		if hold := d.tooLate(r); hold != nil {
			d.skip(&r, hold)
			d.fail(missed(r))
			return
		}
	}
	if now := d.digest(r); r.State == vigil.Unknown {
		r.Asked = now
	} else if r.Asked != "" && now != r.Asked {
		d.reask(&r)
		d.fail(vigil.Errorf(vigil.Conflict, "action_changed", "%s is another module than it was when remediation %s asked", r.Runbook[r.Step].Action, r.ID).
			With("asked", r.Asked).With("now", now).Hinted("look at it anew: vigil remediation show %s", r.ID))
		return
	}
	if r.State == vigil.Unknown {
		if id, taken := d.busy.get(r.Target.String()); taken {
			d.fail(vigil.Errorf(vigil.Conflict, "target_busy", "%s already treats %s", id, r.Target))
			return
		}
		d.reroot(&r)
	}
	r.PlannedAt = d.now
	d.move(&r, vigil.Planned, e.By, e.By+" approved it", nil)
	d.save(&r)
}

// reask has a person look anew at what waits for them, since another module would
// do it. Whoever saw it before has an older version.
func (d *draft) reask(r *vigil.Remediation) {
	was := r.Asked
	r.Asked = d.digest(*r)
	d.record(vigil.AuditRecord{
		By: "vigil", Verb: "remediation.action_changed", Object: r.ID, Target: r.Target.String(), From: was, To: r.Asked,
		Message: r.Runbook[r.Step].Action + " is another module now; a person has to look anew",
	})
	d.save(r)
}

// agreed reports whether what a person agreed to is still what would be done; if
// not, they are asked anew.
func (d *draft) agreed(r *vigil.Remediation) bool {
	if r.Asked == "" || r.Asked == d.digest(*r) {
		return true
	}
	action := r.Runbook[r.Step].Action
	r.Hold = &vigil.Hold{Reason: vigil.BlockApproval, Detail: action + " is another module than was agreed to"}
	r.PlannedAt = d.now
	d.move(r, vigil.AwaitingApproval, "vigil", r.Hold.Detail, r.Hold)
	d.save(r)
	return false
}

// missed says why a person's approval of what is over comes too late.
func missed(r vigil.Remediation) *vigil.Error {
	code := "approval_outdated"
	if r.Hold.Reason == vigil.BlockExpired {
		code = "approval_expired"
	}
	return vigil.Errorf(vigil.Conflict, code, "remediation %s can be approved no more: %s", r.ID, r.Hold.Detail).
		With("reason", r.Hold.Reason).Hinted("if the trouble goes on, another one asks: vigil remediation ls --state awaiting_approval")
}

// Denied says that a person does not agree.
type Denied struct{ ID, By string }

func (e Denied) apply(d *draft) {
	if r, ok := d.waits(e.ID, "deny", vigil.AwaitingApproval); ok {
		d.leaveAlone(r)
		d.move(&r, vigil.Cancelled, e.By, e.By+" denied it", nil)
		d.save(&r)
	}
}

// Cancelled says that a person wants a remediation to end. What runs is asked
// to stop; what may have run is closed.
type Cancelled struct{ ID, By string }

func (e Cancelled) apply(d *draft) {
	r, ok := d.waits(e.ID, "cancel", vigil.Planned, vigil.AwaitingApproval, vigil.Blocked, vigil.Leased, vigil.Running, vigil.Unknown)
	if !ok {
		return
	}
	d.leaveAlone(r)
	switch r.State {
	case vigil.Running:
		d.askToStop(r, e.By, e.By+" asked the running action to stop")
		return
	case vigil.Unknown:
		d.reroot(&r)
		d.move(&r, vigil.Failed, e.By, e.By+" closed it: whether the action ran is not known", nil)
	default:
		d.move(&r, vigil.Cancelled, e.By, e.By+" cancelled it", nil)
	}
	d.save(&r)
}

// waits finds a remediation in one of the states, or says why the verb does not
// apply to it.
func (d *draft) waits(id, verb string, in ...vigil.State) (vigil.Remediation, bool) {
	r, ok := d.edit(id)
	for _, s := range in {
		if ok && r.State == s {
			return r, true
		}
	}
	if !ok {
		d.fail(vigil.Errorf(vigil.Conflict, "remediation_ended", "remediation %s is not open: nothing to %s", id, verb))
	} else {
		d.fail(vigil.Errorf(vigil.Conflict, "remediation_state", "remediation %s %s: nothing to %s", id, r.State.Says(), verb))
	}
	return vigil.Remediation{}, false
}

// Switched says that a person engaged or lifted the kill switch.
type Switched struct{ To flow.KillSwitch }

func (e Switched) apply(d *draft) {
	to := e.To
	to.At = d.now
	verb := "killswitch.lifted"
	if to.Engaged {
		verb = "killswitch.engaged"
	}
	d.killSwitch = to
	d.out.Change.KillSwitch = &to
	d.record(vigil.AuditRecord{By: to.By, Verb: verb, Object: "killswitch", Message: to.Reason})
	if to.Engaged {
		d.takeBack()
		return
	}
	d.release(vigil.BlockKillSwitch)
}

// release looks again at what is held for one reason, now and not when it was
// to be asked again.
func (d *draft) release(reason vigil.BlockReason) {
	held := func(h *vigil.Hold) bool { return h != nil && h.Reason == reason }
	for _, id := range d.open.keys(func(r vigil.Remediation) bool { return r.State == vigil.Blocked && held(r.Hold) }) {
		r, _ := d.edit(id)
		now := *r.Hold
		now.RetryAt = time.Time{}
		r.Hold = &now
		d.keep(r)
		d.unblock(id)
	}
	d.again(func(s signal) bool { return held(s.hold) })
}

// takeBack blocks what is handed out but not started. Its remediator learns it
// when it asks to start.
func (d *draft) takeBack() {
	for _, id := range d.open.keys(func(r vigil.Remediation) bool { return r.State == vigil.Leased }) {
		r, _ := d.edit(id)
		if hold := d.ask(guard.Start, d.appeal(r)); hold != nil {
			d.block(&r, hold)
		}
	}
}
