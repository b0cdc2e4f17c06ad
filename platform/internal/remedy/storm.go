package remedy

import (
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// weather trips the breaker of a group that storms, and notices when the storm
// is over. A policy that only shadows moves no breaker.
func (d *draft) weather(p flow.PolicyRow, c flow.Census) {
	d.heard(p.Name, c)
	if c.Group == "" || p.Mode != vigil.Auto && p.Mode != vigil.Suggest {
		return
	}
	m, _ := d.memories.get(ofGroup(c.Group))
	detail := guard.Storm(guard.Request{Guards: p.Guards, Census: c})
	switch {
	case detail == "":
		if over(p.Guards.Storm, c) {
			d.calm(m, p.Name)
		}
	case m.Trip == nil:
		trip := &vigil.Breaker{Policy: p.Name, Group: c.Group, State: vigil.BreakerTripped, Why: vigil.WhyStorm, Detail: detail, At: d.now}
		d.learn(ofGroup(c.Group), func(m *flow.GuardMemory) { m.Trip, m.Storm = trip, p.Guards.Storm })
		d.tripped(trip, "policy:"+p.Name, c.Group)
	case m.Trip.State == vigil.BreakerHalfOpen:
		trip := *m.Trip
		trip.Policy, trip.State, trip.Detail, trip.CalmAt = p.Name, vigil.BreakerTripped, detail, time.Time{}
		d.learn(m.Of, func(m *flow.GuardMemory) { m.Trip, m.Storm = &trip, p.Guards.Storm })
	}
}

// calm notes since when a storm is over. Another policy may say so only when the
// one that saw it has not spoken for a while.
func (d *draft) calm(m flow.GuardMemory, policy string) {
	if m.Trip == nil || m.Trip.State != vigil.BreakerTripped {
		return
	}
	saw, _ := d.surveys.get(m.Trip.Policy + "|" + m.Trip.Group)
	if m.Trip.Policy != policy && d.now.Sub(saw.at) < 2*freshly {
		return
	}
	trip := *m.Trip
	trip.State, trip.CalmAt = vigil.BreakerHalfOpen, d.now
	d.learn(m.Of, func(m *flow.GuardMemory) { m.Trip = &trip })
}

// overcast takes in a census that came with a verdict. It only ever ends a storm:
// one begins with what fires.
func (d *draft) overcast(j flow.Judged) {
	d.heard(j.Policy, j.Census)
	if m := d.stormSeenBy(j); m.Trip != nil && over(m.Storm, j.Census) {
		d.calm(m, j.Policy)
	}
}

// stormSeenBy is the memory of a verdict's group if its policy saw a storm there.
func (s *State) stormSeenBy(j flow.Judged) flow.GuardMemory {
	m, _ := s.memories.get(ofGroup(j.Census.Group))
	if m.Trip == nil || m.Trip.Policy != j.Policy {
		return flow.GuardMemory{}
	}
	return m
}

// over reports whether a storm is over for sure: who has not been heard of since
// the start may be as bad as before.
func over(storm vigil.Storm, c flow.Census) bool { return !storm.Rages(c.Bad()+c.Unheard, c.Known) }

// newer reports whether a sample is newer than the last deed on a target.
func (d *draft) newer(target string, sampleAt, receivedAt time.Time) bool {
	t, err := vigil.ParseTarget(target)
	last := d.lastDeed(t)
	return err == nil && sampleAt.After(last) && receivedAt.After(last)
}

// clearUp closes the breakers of storms that have been over for long enough, and
// lets go of treatments whose end nobody saw.
func (d *draft) clearUp() {
	ended := func(m flow.GuardMemory) bool {
		return m.Trip != nil && m.Trip.State == vigil.BreakerHalfOpen && !d.now.Before(m.Trip.CalmAt.Add(m.Storm.Calm.D()))
	}
	for _, of := range d.memories.keys(ended) {
		d.close(of, "vigil", "the storm has been over for "+d.calmOf(of).String())
	}
	for _, target := range d.unproven.keys(func(u unproven) bool { return d.now.Sub(u.ended) >= unheard }) {
		d.proven(target)
	}
}

func (d *draft) calmOf(of string) vigil.Duration {
	m, _ := d.memories.get(of)
	return m.Storm.Calm
}

// close ends a trip; what it held is looked at again.
func (d *draft) close(of, by, message string) {
	m, _ := d.memories.get(of)
	d.learn(of, func(m *flow.GuardMemory) { m.Trip, m.Storm = nil, vigil.Storm{} })
	_, object, _ := strings.Cut(of, ":")
	d.record(vigil.AuditRecord{By: by, Verb: "breaker.closed", Object: object, From: m.Trip.Why, Message: message})
	d.again(func(s signal) bool { return s.hold != nil && s.hold.Reason == vigil.BlockBreaker })
}

// Reset says that a person lets a stopped policy go on. Its backlog is dropped
// and the present is looked at anew.
type Reset struct{ Policy, By string }

func (e Reset) apply(d *draft) {
	found := false
	mine := func(m flow.GuardMemory) bool { return m.Trip != nil && m.Trip.Policy == e.Policy }
	for _, of := range d.memories.keys(mine) {
		found = true
		d.close(of, e.By, e.By+" reset it")
	}
	d.learn(ofPolicy(e.Policy), func(m *flow.GuardMemory) { m.Failed = nil })
	for _, key := range d.targets.keys(func(m flow.TargetMemory) bool { return m.Unhelpful[e.Policy].N > 0 }) {
		found = true
		m, _ := d.targets.get(key)
		d.remember(m.Target, func(m *flow.TargetMemory) { m.Unhelpful = without(m.Unhelpful, e.Policy) })
		d.record(vigil.AuditRecord{By: e.By, Verb: "breaker.closed", Object: e.Policy, Target: key, From: vigil.WhyIneffective, Message: e.By + " reset it"})
	}
	if !found {
		d.fail(vigil.Errorf(vigil.NotFound, "breaker_closed", "no breaker of policy %.80q is tripped", e.Policy).Hinted("vigil breaker ls"))
		return
	}
	d.dropBacklog(e)
	d.again(func(s signal) bool { return s.firing.Policy.Name == e.Policy })
}

func without(m map[string]flow.Unhelpful, policy string) map[string]flow.Unhelpful {
	var next map[string]flow.Unhelpful
	for k, v := range m {
		if k == policy {
			continue
		}
		if next == nil {
			next = map[string]flow.Unhelpful{}
		}
		next[k] = v
	}
	return next
}

// dropBacklog skips what the policy planned before, so that only what is bad now
// is treated.
func (d *draft) dropBacklog(e Reset) {
	hold := &vigil.Hold{Reason: vigil.BlockStale, Detail: e.By + " reset the breaker: what waited is dropped, and the present looked at anew"}
	waits := func(r vigil.Remediation) bool {
		return r.Policy == e.Policy && (r.State == vigil.Planned || r.State == vigil.Blocked || r.State == vigil.AwaitingApproval)
	}
	for _, id := range d.open.keys(waits) {
		r, _ := d.edit(id)
		for _, key := range troubles(r) {
			if sig, ok := d.signals.get(key); ok {
				sig.acted = time.Time{} // what was planned on it never ran
				d.signals.put(key, sig)
			}
		}
		d.skip(&r, hold)
	}
}
