package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// role is the service that the healer's spans belong to.
const role = "collector"

// root hangs the remediation's story under the span that led to it, or starts a
// trace of its own. It is always recorded.
func (d *draft) root(r *vigil.Remediation, parent flow.SpanContext) {
	sum := d.draw()
	c := flow.SpanContext{Trace: parent.Trace, Sampled: true}
	copy(c.Span[:], sum[:8])
	if parent.Valid() {
		r.ParentSpan = hex.EncodeToString(parent.Span[:])
	} else {
		copy(c.Trace[:], sum[8:24])
	}
	r.Trace = c.String()
}

// reroot starts a second chapter for a remediation whose span is exported
// already.
func (d *draft) reroot(r *vigil.Remediation) {
	d.root(r, story(*r))
}

func story(r vigil.Remediation) flow.SpanContext {
	c, _ := flow.ParseTraceparent(r.Trace)
	return c
}

// derived names a span below the remediation's. The name is computed, not
// drawn, so that it is the same after a restart.
func derived(r vigil.Remediation, part string, n int) flow.SpanContext {
	c := story(r)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", r.Trace, part, n))
	copy(c.Span[:], sum[:8])
	return c
}

func leaseContext(r vigil.Remediation, attempt int) flow.SpanContext {
	return derived(r, "lease", attempt)
}

func attributes(r vigil.Remediation, more ...flow.Attr) []flow.Attr {
	return append([]flow.Attr{
		{Key: "vigil.remediation", Value: r.ID},
		{Key: "vigil.target", Value: r.Target.String()},
		{Key: "vigil.policy", Value: r.Policy},
		{Key: "vigil.decision", Value: r.Decision},
	}, more...)
}

func remediationSpan(r vigil.Remediation) flow.Span {
	s := flow.Span{
		Name: "remediation", Service: role, Context: story(r), Start: r.CreatedAt, End: r.EndedAt,
		Attrs: attributes(r, flow.Attr{Key: "vigil.state", Value: string(r.State)}),
	}
	_, _ = hex.Decode(s.Parent[:], []byte(r.ParentSpan)) // our own hex, or empty: a root
	if r.Hold != nil {
		s.Attrs = append(s.Attrs, flow.Attr{Key: "vigil.block_reason", Value: string(r.Hold.Reason)})
	}
	if seed := r.State.Seed(); seed == "failed" {
		s.Err = r.State.Says()
	}
	return s
}

// guardSpan has no end yet: it ends when the plan is durable.
func guardSpan(r vigil.Remediation, now time.Time) flow.Span {
	return flow.Span{Name: "guard", Service: role, Context: derived(r, "guard", 0), Parent: story(r).Span, Start: now, Attrs: attributes(r)}
}

// heldSpan shows beside the evaluation why nothing followed it.
func heldSpan(sig signal, t vigil.Target, hold *vigil.Hold, now time.Time, bits [32]byte) flow.Span {
	c := sig.firing.Trace
	s := flow.Span{Name: "guard", Service: role, Parent: c.Span, Start: now, Attrs: []flow.Attr{
		{Key: "vigil.target", Value: t.String()},
		{Key: "vigil.policy", Value: sig.firing.Policy.Name},
		{Key: "vigil.decision", Value: sig.firing.Decision},
		{Key: "vigil.block_reason", Value: string(hold.Reason)},
		{Key: "vigil.block_detail", Value: hold.Detail},
	}}
	if !c.Valid() {
		copy(c.Trace[:], bits[8:24])
	}
	copy(c.Span[:], bits[:8])
	c.Sampled = true
	s.Context = c
	return s
}

// leaseSpan covers the latest attempt, from the lease to the report.
func leaseSpan(r vigil.Remediation) flow.Span {
	a := r.Current()
	s := flow.Span{
		Name: "lease", Service: role, Context: leaseContext(r, a.N), Parent: story(r).Span, Start: a.LeasedAt, End: a.EndedAt,
		Attrs: attributes(r,
			flow.Attr{Key: "vigil.module", Value: a.Digest},
			flow.Attr{Key: "vigil.action", Value: a.Action},
			flow.Attr{Key: "vigil.attempt", Value: int64(a.N)},
			flow.Attr{Key: "vigil.remediator", Value: a.Remediator}),
	}
	if !a.OK {
		s.Err = a.Code + " " + a.Message
	}
	return s
}

// verifySpan covers one verification, from the deed to the verdict.
func verifySpan(r vigil.Remediation, verdict vigil.State, now time.Time) flow.Span {
	s := flow.Span{
		Name: "verify", Service: role, Context: derived(r, "verify", len(r.Attempts)), Parent: story(r).Span,
		Start: r.Verification.After, End: now,
		Attrs: attributes(r,
			flow.Attr{Key: "vigil.verdict", Value: string(verdict)},
			flow.Attr{Key: "vigil.samples", Value: int64(r.Verification.Seen)}),
	}
	if verdict != vigil.Healed {
		s.Err = verdict.Says()
	}
	return s
}
