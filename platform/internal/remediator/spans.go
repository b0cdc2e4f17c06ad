package remediator

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// attemptTrace names the span of this attempt: a child of the lease.
// A remediation is always recorded, so is a story whose beginning was lost.
func (r *Remediator) attemptTrace(l flow.Lease) flow.SpanContext {
	parent, ok := flow.ParseTraceparent(l.Trace)
	if !ok {
		parent = flow.NewTrace()
	}
	parent.Sampled = true
	return parent.Child()
}

// emitAttempt tells of the whole stay here, from taking the lease to its end.
func (r *Remediator) emitAttempt(l flow.Lease, trace flow.SpanContext, begun time.Time, rep flow.Report) {
	parent, _ := flow.ParseTraceparent(l.Trace) // zero makes a root
	r.o.Emit(flow.Span{
		Name: "attempt", Service: "remediator", Context: trace, Parent: parent.Span,
		Start: begun, End: rep.EndedAt, Attrs: attrs(l), Err: trouble(rep),
	})
}

// emitAction tells of the module's run, the parent of its host calls.
func (r *Remediator) emitAction(l flow.Lease, trace, action flow.SpanContext, rep flow.Report) {
	r.o.Emit(flow.Span{
		Name: "action " + l.Action, Service: "remediator", Context: action, Parent: trace.Span,
		Start: rep.StartedAt, End: rep.EndedAt, Attrs: attrs(l), Err: trouble(rep),
	})
}

func attrs(l flow.Lease) []flow.Attr {
	return []flow.Attr{
		{Key: "vigil.remediation", Value: l.Remediation},
		{Key: "vigil.target", Value: l.Target.String()},
		{Key: "vigil.module", Value: l.Digest},
		{Key: "vigil.attempt", Value: int64(l.Attempt)},
		{Key: "vigil.fence", Value: int64(l.Fence)},
	}
}

func trouble(rep flow.Report) string {
	if rep.OK {
		return ""
	}
	return rep.Code + ": " + rep.Message
}
