package remedy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The waits after a lease came back unused: as long as it has been tried
// already, within these.
const (
	backoffMin = time.Second
	backoffMax = 30 * time.Second
)

// Bounds of what a report may leave in a row.
const (
	maxLogLines  = 64
	maxHostCalls = 64
)

// codeSpent is how the hands say that a grant's budget is used up.
const codeSpent = "budget_exhausted"

// Finished says how an attempt ended.
type Finished struct{ Report flow.Report }

func (e Finished) apply(d *draft) {
	rep := e.Report
	r, ok := d.holder(rep.Remediation, rep.Attempt, rep.Fence, vigil.Leased, vigil.Running, vigil.Unknown, vigil.TimedOut)
	if !ok {
		return
	}
	a := r.Current()
	by := "remediator:" + a.Remediator
	switch {
	case adrift(r):
		d.late(&r, by, rep)
	case !rep.Started:
		d.unused(&r, by, rep)
	case r.State == vigil.Leased:
		d.fail(vigil.Errorf(vigil.Conflict, "start_missing", "%s reports an action whose start was never told", by))
	default:
		transcribe(a, rep, d.now)
		d.refusals(&r, by)
		d.deed(&r)
		d.out.Spans = append(d.out.Spans, leaseSpan(r))
		d.ended(&r, by, rep)
	}
}

// transcribe copies what the executor tells into the attempt. Its clock is
// believed only as far as ours allows.
func transcribe(a *vigil.Attempt, rep flow.Report, now time.Time) {
	a.OK, a.Code, a.Message = rep.OK, rep.Code, rep.Message
	a.EndedAt = rep.EndedAt
	if a.EndedAt.Before(a.StartedAt) || a.EndedAt.After(now) {
		a.EndedAt = now
	}
	a.Calls = slices.Clone(rep.Calls[:min(len(rep.Calls), maxHostCalls)])
	a.Log = slices.Clone(rep.Log[:min(len(rep.Log), maxLogLines)])
}

// refusals records the host calls that were not allowed: by a grant or its
// budget, or by what the host's configuration says of an endpoint or a command
// (capability_denied, egress_denied, arg_denied and their like).
func (d *draft) refusals(r *vigil.Remediation, by string) {
	a := r.Current()
	for _, c := range a.Calls {
		if !strings.HasSuffix(c.Code, "_denied") && c.Code != codeSpent {
			continue
		}
		d.record(vigil.AuditRecord{
			By: by, Verb: "capability.denied", Object: r.ID, Target: c.Target, To: c.Code,
			Message: fmt.Sprintf("%s: %s may not %s on %s", c.Code, a.Action, c.Op, c.Target),
			Detail:  asJSON(map[string]any{"digest": a.Digest, "request": c.Request}),
		})
	}
}

// ended goes on after an action ended: to verification when it went well, else
// to the next step of the runbook.
func (d *draft) ended(r *vigil.Remediation, by string, rep flow.Report) {
	if !rep.OK {
		d.next(r, by, failure(rep), fmt.Sprintf("%s failed: %s", r.Current().Action, reason(rep)))
		return
	}
	r.Verification = vigil.Verification{
		After: d.now, From: d.now.Add(r.Verify.Stabilise.D()), Until: d.now.Add(r.Verify.Window.D()), WantPID: rep.PID,
	}
	if v := &r.Verification; !v.Until.After(v.From) { // only what comes after From counts
		v.Until = v.From.Add(r.Verify.Window.D())
	}
	d.move(r, vigil.Verifying, by, r.Current().Action+" ended well; fresh samples decide",
		map[string]any{"pid": rep.PID, "pid_before": rep.PIDBefore, "message": rep.Message})
	d.save(r)
}

func failure(rep flow.Report) vigil.State {
	if strings.Contains(rep.Code, "timeout") || strings.Contains(rep.Code, "timed_out") || strings.Contains(rep.Code, "deadline") {
		return vigil.TimedOut
	}
	return vigil.Failed
}

func reason(rep flow.Report) string {
	switch {
	case rep.Message == "":
		return rep.Code
	case rep.Code == "":
		return rep.Message
	}
	return rep.Code + ": " + rep.Message
}

// next escalates to the next step of the runbook, or ends the remediation when
// there is none or a person wants it to stop.
func (d *draft) next(r *vigil.Remediation, by string, end vigil.State, message string) {
	_, stop := d.cancels.get(r.ID)
	action := r.Current().Action
	if stop {
		action = "" // what a person stopped says nothing of the action
	}
	if r.Step+1 >= len(r.Runbook) || stop {
		d.move(r, end, by, message, nil)
		if !stop {
			d.handOff(r, message)
		}
		d.save(r)
		if !stop {
			d.compensate(*r)
		}
		d.flop(*r, action)
		return
	}
	r.Step++
	r.Asked = ""
	r.PlannedAt = d.now
	d.move(r, vigil.Planned, by, fmt.Sprintf("%s; step %d of %d is next", message, r.Step+1, len(r.Runbook)), nil)
	d.save(r)
	d.askAgain(r)
	d.flop(*r, action)
}

// unused takes back a lease whose action was never entered. Nothing happened,
// so it may be leased again after a while.
func (d *draft) unused(r *vigil.Remediation, by string, rep flow.Report) {
	if r.State == vigil.Running {
		d.move(r, vigil.Planned, by, "did not start: "+reason(rep), nil)
	}
	r.Current().StartedAt = time.Time{}
	if who, stop := d.cancels.get(r.ID); stop {
		d.move(r, vigil.Cancelled, who, who+" cancelled it before it began", nil)
		d.save(r)
		return
	}
	if d.askAgain(r); r.State == vigil.AwaitingApproval {
		return
	}
	why := vigil.BlockBackoff
	if rep.Code == string(vigil.BlockPaused) { // by its host's pause file, of which its registration tells as well
		why = vigil.BlockPaused
	}
	wait := min(max(d.now.Sub(r.PlannedAt), backoffMin), backoffMax)
	d.block(r, &vigil.Hold{
		Reason: why, RetryAt: d.now.Add(wait),
		Detail: fmt.Sprintf("%s did not start it (%s); tried again in %s", by, reason(rep), vigil.Duration(wait.Round(time.Millisecond))),
	})
}

// late hears an executor that had been given up. Its word ends the doubt.
func (d *draft) late(r *vigil.Remediation, by string, rep flow.Report) {
	a := r.Current()
	if rep.Started {
		transcribe(a, rep, d.now)
		d.refusals(r, by)
		d.deed(r)
	}
	d.record(vigil.AuditRecord{
		By: by, Verb: "remediation.late_report", Object: r.ID, Target: r.Target.String(),
		From: string(r.State), To: string(r.State), Message: reason(rep), Detail: asJSON(map[string]any{"ok": rep.OK, "started": rep.Started}),
	})
	if _, taken := d.busy.get(r.Target.String()); r.State == vigil.TimedOut || taken {
		if a.Code == codeOverdue {
			a.Code = "late"
		}
		d.save(r)
		return
	}
	d.reroot(r)
	switch {
	case !rep.Started:
		d.move(r, vigil.Failed, by, "never started: "+reason(rep), nil)
		d.save(r)
	case rep.OK:
		d.ended(r, by, rep)
	default:
		why := fmt.Sprintf("%s failed: %s", a.Action, reason(rep))
		d.move(r, vigil.Failed, by, why, nil)
		d.handOff(r, why)
		d.save(r)
		d.compensate(*r)
	}
}
