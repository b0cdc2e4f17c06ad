package remedy

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Judged says what a policy thinks of a target now.
type Judged struct{ flow.Judged }

// heeds reports whether a verdict can move anything: whether its target fires, is
// treated or owes a proof, or its group is news or in a storm. While all is well
// none of it holds, and a step would end where it began.
func (s *State) heeds(j flow.Judged, now time.Time) bool {
	key := fingerprint(j.Policy, j.Target)
	_, fires := s.signals.get(key)
	_, treated := s.trouble.get(key)
	_, owes := s.proofs.get(key)
	return fires || treated || owes || s.isNews(j.Policy, j.Census, now) || s.stormSeenBy(j).Trip != nil
}

func (e Judged) apply(d *draft) {
	key := fingerprint(e.Policy, e.Target)
	clear := e.Verdict == vigil.VerdictOK || e.Verdict == vigil.VerdictInfo
	bad := e.Verdict == vigil.VerdictFire || e.Verdict == vigil.VerdictPending
	d.overcast(e.Judged)
	if e.Verdict == vigil.VerdictNoData {
		d.doubt(key)
	}
	if !clear && !bad {
		return // silence and a failed guest show nothing
	}
	if sig, ok := d.signals.get(key); ok && clear && e.SampleAt.After(sig.clearAt) {
		sig.clearAt = e.SampleAt
		d.signals.put(key, sig)
	}
	if target, ok := d.proofs.get(key); ok && clear && d.newer(target, e.SampleAt.Add(-e.Reach), e.ReceivedAt) {
		d.proven(target)
	}
	id, ok := d.trouble.get(key)
	if !ok {
		return
	}
	d.witness(id, evidence{sampleAt: e.SampleAt, receivedAt: e.ReceivedAt, reach: e.Reach, bad: bad, value: e.Value})
}

// doubt has clear, and bad, begin anew, since nobody knows how the target stood while it
// was silent.
func (d *draft) doubt(key string) {
	id, _ := d.trouble.get(key)
	r, ok := d.edit(id)
	if v := &r.Verification; ok && r.State == vigil.Verifying && (!v.ClearAt.IsZero() || !v.BadAt.IsZero()) {
		v.ClearAt, v.BadAt = time.Time{}, time.Time{}
		d.keep(r)
	}
}

// Observed says how services stand, for the remediations that people asked for.
type Observed struct {
	Facts      []Fact
	ReceivedAt time.Time
}

// Fact is how a service stands by its own samples.
type Fact struct {
	Service string
	Host    string // "" when the samples do not say
	At      time.Time
	Up      bool
	PID     int // 0 when the samples do not say
}

func (e Observed) apply(d *draft) {
	for _, id := range d.open.keys(watched) {
		r, _ := d.edit(id)
		for _, f := range e.Facts {
			if r.State != vigil.Verifying || r.Target.Kind != "service" || f.Service != r.Target.Name || f.Host != "" && f.Host != r.Target.Host {
				continue
			}
			want := r.Verification.WantPID
			if f.Up && want != 0 && f.PID == 0 {
				continue // up, but it may be the process from before
			}
			good := f.Up && (want == 0 || f.PID == want)
			d.witness(id, evidence{sampleAt: f.At, receivedAt: e.ReceivedAt, bad: !good, value: float64(f.PID)})
			r, _ = d.edit(id)
		}
	}
}

// evidence is one judgement of a target after the deed.
type evidence struct {
	sampleAt   time.Time
	receivedAt time.Time
	reach      time.Duration // how far before sampleAt it looks
	bad        bool
	value      float64
}

// witness weighs one judgement. Only samples newer than the deed count, by
// their own time and by receipt, and each counts once; of the value of a query
// all that it was computed from must be. While the target
// stabilises nothing is concluded. The evidence is kept in memory: a row is
// written when it shows something.
func (d *draft) witness(id string, ev evidence) {
	r, ok := d.edit(id)
	v := &r.Verification
	if !ok || r.State != vigil.Verifying || !ev.sampleAt.Add(-ev.reach).After(v.After) || !ev.receivedAt.After(v.After) || !ev.sampleAt.After(v.SampleAt) {
		return
	}
	v.Seen++
	v.SampleAt, v.Firing, v.Value = ev.sampleAt, ev.bad, ev.value
	settled := !ev.sampleAt.Before(v.From)
	switch {
	case ev.bad:
		v.ClearAt = time.Time{}
		if v.BadAt.IsZero() && settled {
			v.BadAt = ev.sampleAt
		}
	case v.ClearAt.IsZero() && settled:
		v.ClearAt = ev.sampleAt
		fallthrough
	default:
		v.BadAt = time.Time{}
	}
	if !v.ClearAt.IsZero() && !d.now.Before(v.From) && v.SampleAt.Sub(v.ClearAt) >= r.RecoverFor.D() {
		d.verified(&r, vigil.Healed, fmt.Sprintf("fresh samples are clear, the newest at %g", v.Value))
		return
	}
	early := r.Runbook[r.Step].FailEarly.D()
	if early > 0 && !v.BadAt.IsZero() && v.SampleAt.Sub(v.BadAt) >= early && d.now.Sub(v.BadAt) >= early { // by both clocks: a sample may be dated ahead
		d.verified(&r, vigil.Failed, fmt.Sprintf("still bad at %g after the action, and for %s now", v.Value, vigil.Duration(early)))
		return
	}
	d.keep(r)
}

// conclude ends a verification whose window is over. What was seen while the
// target stabilised says neither, and a clear sample followed by silence is no
// health.
func (d *draft) conclude(r *vigil.Remediation) {
	switch v := r.Verification; {
	case v.Seen == 0:
		d.verified(r, vigil.Inconclusive, fmt.Sprintf("no sample newer than the action came within %s", r.Verify.Window))
	case v.SampleAt.Before(v.From):
		d.verified(r, vigil.Inconclusive, "no sample came from after it had stabilised")
	case v.Firing:
		d.verified(r, vigil.Failed, fmt.Sprintf("still bad at %g after the action", v.Value))
	case v.ClearAt.IsZero():
		d.verified(r, vigil.Inconclusive, "fresh samples were clear and then there was no data")
	default:
		d.verified(r, vigil.Healed, fmt.Sprintf("the newest fresh sample is clear at %g", v.Value))
	}
}

// verified ends a verification with its verdict; a failed one escalates.
func (d *draft) verified(r *vigil.Remediation, verdict vigil.State, message string) {
	d.out.Spans = append(d.out.Spans, verifySpan(*r, verdict, d.now))
	by := r.By
	if verdict == vigil.Failed {
		d.next(r, by, verdict, message)
		return
	}
	d.move(r, verdict, by, message, r.Verification)
	d.save(r)
}
