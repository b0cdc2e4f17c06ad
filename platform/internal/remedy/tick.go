package remedy

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Ticked says that time has passed.
type Ticked struct{}

func (Ticked) apply(d *draft) {
	d.endBrakes()
	due := func(r vigil.Remediation) bool { return r.Open() && d.due(r) }
	for _, id := range d.open.keys(due) {
		r, _ := d.edit(id)
		d.elapse(&r)
	}
	d.clearUp()
	d.again(func(s signal) bool {
		return s.hold != nil && !s.hold.RetryAt.IsZero() && !d.now.Before(s.hold.RetryAt)
	})
}

// Jumped says that the clock was set: what looks bad or stale now may only be
// dated wrong, so the picture has to settle as after a start. No pause ends
// sooner because of it.
type Jumped struct{ Ahead time.Duration } // negative: the clock went back

func (e Jumped) apply(d *draft) {
	d.started = d.now
	d.stretchPauses(e.Ahead)
}

// due reports whether time alone may move the remediation.
func (d *draft) due(r vigil.Remediation) bool {
	switch r.State {
	case vigil.Leased, vigil.Running:
		return d.vanished(r) || d.pastDeadline(r)
	case vigil.Verifying:
		return !d.now.Before(r.Verification.Until)
	default:
		return true
	}
}

func (d *draft) vanished(r vigil.Remediation) bool {
	at, _ := d.beats.get(r.ID)
	return d.now.Sub(at) >= lostAfter
}

func (d *draft) pastDeadline(r vigil.Remediation) bool {
	return d.now.After(overdue(r).Add(2 * lostAfter))
}

func (d *draft) elapse(r *vigil.Remediation) {
	switch r.State {
	case vigil.Leased:
		d.move(r, vigil.Planned, "vigil", r.Current().Remediator+" did not start it in time", nil)
		d.save(r)
	case vigil.Running:
		d.lose(r)
	case vigil.Verifying:
		d.conclude(r)
	case vigil.Planned, vigil.Blocked, vigil.AwaitingApproval:
		d.age(r)
	default: // it has ended
	}
}

// age skips what has waited too long and lets go of what need not wait.
func (d *draft) age(r *vigil.Remediation) {
	if hold := d.tooLate(*r); hold != nil {
		d.skip(r, hold)
		return
	}
	if !d.confirmed(*r) && d.now.Sub(later(r.PlannedAt, d.started)) > unheard {
		d.skip(r, &vigil.Hold{Reason: vigil.BlockResolved, Detail: fmt.Sprintf("%s has not said for %s that it fires", r.Policy, vigil.Duration(unheard))})
		return
	}
	d.unblock(r.ID)
}

// tooLate says why what waits has waited too long, nil if it has not. For a
// person's answer that is so whatever else holds it: a pause makes no question
// last longer.
func (d *draft) tooLate(r vigil.Remediation) *vigil.Hold {
	if r.State == vigil.AwaitingApproval {
		return d.ask(guard.Answer, d.appeal(r))
	}
	hold := d.ask(guard.Lease, d.appeal(r))
	if hold == nil || hold.Reason != vigil.BlockStale {
		return nil
	}
	return hold
}

// unheard is how long a remediation waits for its policy to say that the reason
// stands, so that one whose end was never told does not occupy its target for
// ever, whatever its max_age.
const unheard = 10 * time.Minute

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lose ends an attempt without its executor's word. It may have run, so only an
// idempotent action is tried once more by itself; the second start is told so.
func (d *draft) lose(r *vigil.Remediation) {
	a := r.Current()
	gone := d.vanished(*r)
	a.EndedAt, a.Code = d.now, codeOverdue
	end, message := vigil.TimedOut, fmt.Sprintf("%s beats on past the timeout of %s without an end", a.Remediator, r.Runbook[a.Step].Timeout)
	again := false
	if gone {
		a.Code = codeLost
		end, message = vigil.Unknown, a.Remediator+" vanished after the start; the action may have run"
		again = d.onceMore(r)
	}
	a.Message = message
	d.deed(r)
	d.out.Spans = append(d.out.Spans, leaseSpan(*r))
	d.move(r, end, "vigil", message, nil)
	if again {
		r.PlannedAt = d.now
		d.move(r, vigil.Planned, "vigil", a.Action+" is idempotent: it is started once more", nil)
		d.askAgain(r)
	}
	if !again {
		d.handOff(r, message)
	}
	d.save(r)
	if !again {
		d.flop(*r, a.Action)
	}
}

// onceMore reports whether a lost attempt may be followed by a second one.
func (d *draft) onceMore(r *vigil.Remediation) bool {
	a := r.Current()
	if _, stop := d.cancels.get(r.ID); stop || a.Previous != "" {
		return false
	}
	act, _ := d.action(a.Digest)
	return act.Err == nil && act.Module.Idempotent
}
