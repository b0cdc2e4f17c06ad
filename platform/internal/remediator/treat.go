package remediator

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	maxReportLog  = 64   // lines of a module's log in a report
	maxReportText = 1024 // bytes of a line or message in a report

	// afterRefusal keeps a lease that comes back at once from being refused in
	// a busy loop.
	afterRefusal = 500 * time.Millisecond
)

// treat serves one lease from fence to report.
func (r *Remediator) treat(ctx context.Context, l flow.Lease) {
	if l.Timeout <= 0 {
		l.Timeout = vigil.DefaultTimeout
	}
	begun := r.o.Now()
	trace := r.attemptTrace(l)
	log := r.o.Log.With("remediation", l.Remediation, "target", l.Target.String())
	rep := flow.Report{Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence}
	kept, hold := r.hold(ctx, l)
	if err := r.admit(ctx, kept, l); err != nil {
		log.WarnContext(ctx, "lease not begun", "err", err)
		rep.Code, rep.Message = vigil.CodeOf(err), brief(vigil.AsError(err).Msg)
		rep.EndedAt = r.o.Now()
	} else {
		rep.Started = true
		r.act(kept, hold, trace, &rep)
		log.InfoContext(ctx, "action ended", "module", l.Action, "code", rep.Code, "dur", rep.EndedAt.Sub(rep.StartedAt))
	}
	hold.release()
	r.emitAttempt(l, trace, begun, rep)
	r.finish(ctx, l, rep)
	if !rep.Started {
		sleep(ctx, afterRefusal)
	}
}

// admit does all that can fail before the first effect, while the lease is
// kept; the collector's consent to the intent comes last. A remediator that is
// stopping, which ctx tells, begins nothing.
func (r *Remediator) admit(ctx, kept context.Context, l flow.Lease) error {
	offered := slices.ContainsFunc(r.o.Services.List(), func(s vigil.ServiceStatus) bool { return s.Service == l.Target.Name })
	if l.Target.Kind != "service" || !offered || (l.Target.Host != "" && l.Target.Host != r.o.Host) {
		return vigil.Errorf(vigil.NotFound, "target_unknown", "%s is not on this host", l.Target)
	}
	if err := r.fences.raise(l.Target, l.Fence); err != nil {
		return err
	}
	err := r.o.Actions.Prepare(kept, l.Digest)
	switch {
	case kept.Err() != nil:
		return context.Cause(kept)
	case err != nil:
		return err
	case ctx.Err() != nil:
		return vigil.Errorf(vigil.Busy, "shutting_down", "the remediator is stopping")
	}
	if err := r.mayBegin(); err != nil {
		return err
	}
	if err := r.declare(kept, l); err != nil {
		return err
	}
	return r.mayBegin() // the file may have come while the collector was asked
}

// consent is how long the collector's answer may have been on its way when the
// action is entered.
const consent = 500 * time.Millisecond

// declare asks the collector to make the intent durable. An unanswered request
// is repeated, since a start told twice is one start.
func (r *Remediator) declare(ctx context.Context, l flow.Lease) error {
	const tries = 3
	retry := backoff{}
	for try := 1; ; try++ {
		asked := r.o.Now()
		err := r.o.Collector.Start(ctx, l)
		if err == nil && r.o.Now().Sub(asked) > consent {
			return r.confirm(ctx, l)
		}
		if err == nil || final(err) || try == tries || !retry.wait(ctx) {
			return err
		}
	}
}

// confirm asks again after an answer that was long in coming: a brake that was
// set meanwhile must win.
func (r *Remediator) confirm(ctx context.Context, l flow.Lease) error {
	asked := r.o.Now()
	now, err := r.o.Collector.Heartbeat(ctx, l)
	switch took := r.o.Now().Sub(asked); {
	case err != nil:
		return err
	case now.Cancel:
		return vigil.Errorf(vigil.Held, "cancelled", "the collector asked to stop")
	case now.Hold != "":
		return vigil.Errorf(vigil.Held, "held", "%s", brief(now.Hold))
	case took > consent:
		return vigil.Errorf(vigil.Timeout, "consent_stale", "the collector's consent took %s", took.Round(time.Millisecond))
	}
	return nil
}

// act runs the module and fills the report. Intent is durable from here on, so
// whatever happens is reported as started.
func (r *Remediator) act(kept context.Context, h *hold, trace flow.SpanContext, rep *flow.Report) {
	l := h.lease
	run, cancel := context.WithTimeoutCause(kept, l.Timeout.D(),
		vigil.Errorf(vigil.Timeout, "timed_out", "action %s did not end within %s", l.Action, l.Timeout))
	defer cancel()
	action := trace.Child()
	calls := r.o.Broker(l, action, func() error { return h.holds(run) }, func() []vigil.Grant { return h.granted(run) })
	rep.StartedAt = r.o.Now()
	out, lines, err := r.o.Actions.Run(run, l, vigil.ActionInput{
		Remediation: l.Remediation, Attempt: l.Attempt, Previous: l.Previous,
		Target: l.Target, Reason: l.Reason, With: l.With,
	}, calls)
	rep.EndedAt = r.o.Now()
	judge(rep, out, err, context.Cause(run))
	rep.Calls, rep.Log = calls.Calls(), briefLog(lines)
	rep.PID, rep.PIDBefore = pids(rep.Calls)
	r.emitAction(l, trace, action, *rep)
}

// judge decides how the run ended. What ended the context explains an error
// better than the guest that was cut off, but takes nothing from an action that
// ended well.
func judge(rep *flow.Report, out vigil.ActionOutput, err, cause error) {
	switch {
	case err == nil && out.OK:
		rep.OK, rep.Code, rep.Message = true, "", brief(out.Message)
	case cause != nil:
		rep.Code, rep.Message = vigil.CodeOf(cause), brief(vigil.AsError(cause).Msg)
	case err != nil:
		rep.Code, rep.Message = vigil.CodeOf(err), brief(vigil.AsError(err).Msg)
	default:
		rep.Code, rep.Message = brief(out.Code), brief(out.Message)
		if rep.Code == "" {
			rep.Code = "action_failed"
		}
	}
}

// pids finds the service's process before and after the deed in what the host
// itself answered; the guest's word is not asked.
func pids(calls []vigil.HostCall) (after, before int) {
	for _, c := range calls {
		var st vigil.ServiceStatus
		if c.Code != "" || !strings.HasPrefix(c.Op, "service.") || json.Unmarshal(c.Reply, &st) != nil {
			continue
		}
		after = st.PID
		if before == 0 {
			before = st.PIDBefore
		}
	}
	return after, before
}

func brief(s string) string {
	if len(s) > maxReportText {
		return s[:maxReportText]
	}
	return s
}

func briefLog(lines []string) []string {
	lines = lines[:min(len(lines), maxReportLog)]
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = brief(l)
	}
	return out
}
