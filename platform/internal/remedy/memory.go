package remedy

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ofTenant and its like name what guards remember something of.
const ofTenant = "tenant"

func ofPolicy(name string) string { return "policy:" + name }
func ofGroup(group string) string { return "group:" + group }

// learn changes what guards remember of a policy, a group or the tenant, and
// makes that part of the change. What is empty is forgotten.
func (d *draft) learn(of string, change func(m *flow.GuardMemory)) {
	m, _ := d.memories.get(of)
	m.Of, m.Failed = of, slices.Clone(m.Failed)
	change(&m)
	if !m.FullAt.After(d.now) {
		m.FullAt = time.Time{}
	}
	if m.Empty() {
		m = flow.GuardMemory{Of: of}
		d.memories.drop(of)
	} else {
		d.memories.put(of, m)
	}
	if d.learned == nil {
		d.learned = map[string]flow.GuardMemory{}
	}
	d.learned[of] = m
}

// buckets are those that an attempt of a policy takes a token from.
func (d *draft) buckets(policy string, g vigil.Guards) []guard.Bucket {
	own, _ := d.memories.get(ofPolicy(policy))
	all, _ := d.memories.get(ofTenant)
	return []guard.Bucket{
		{Of: policy, Rate: g.Rate, FullAt: own.FullAt},
		{Of: "all policies together", Rate: d.fleet.Rate, FullAt: all.FullAt},
	}
}

// spend takes a token for an attempt that is about to be handed out, before the
// guards of its start are asked: it counts whether or not it begins.
func (d *draft) spend(r *vigil.Remediation) {
	if r.Origin != vigil.FromPolicy || again(r) {
		return
	}
	for i, b := range d.buckets(r.Policy, r.Guards) {
		if b.Rate.N > 0 {
			of := []string{ofPolicy(r.Policy), ofTenant}[i]
			d.learn(of, func(m *flow.GuardMemory) { m.FullAt = b.Take(d.now) })
		}
	}
}

// again reports whether the next lease is for an attempt that was handed out
// before and never began; it was counted then.
func again(r *vigil.Remediation) bool {
	last := r.Current()
	return last != nil && last.StartedAt.IsZero()
}

// outcome counts how a remediation that acted has ended: only one that healed
// resets what is counted against its target. What a person stopped says nothing.
func (d *draft) outcome(r vigil.Remediation) {
	_, stopped := d.cancels.get(r.ID)
	acted := slices.ContainsFunc(r.Attempts, func(a vigil.Attempt) bool { return !a.StartedAt.IsZero() })
	if !acted || stopped || r.Origin == vigil.FromUndo || // what was taken back shows nothing of health
		d.killSwitch.Engaged && r.State != vigil.Healed {
		return
	}
	switch r.State {
	case vigil.Healed:
		d.recovered(r)
	case vigil.Failed, vigil.TimedOut, vigil.Unknown, vigil.Inconclusive:
		if r.Origin == vigil.FromPolicy {
			d.relapsed(r)
		}
	default: // it did not act
	}
}

// recovered forgets what was counted against a target that healed.
func (d *draft) recovered(r vigil.Remediation) {
	if m, _ := d.targets.get(r.Target.String()); m.Failures > 0 || len(m.Unhelpful) > 0 {
		d.remember(r.Target, func(m *flow.TargetMemory) {
			m.Failures, m.FailedAt, m.Unhelpful = 0, time.Time{}, nil
		})
	}
	action := r.Current().Action
	helped := func(f flow.FailedAction) bool { return f.Target == r.Target && f.Action == action }
	if m, _ := d.memories.get(ofPolicy(r.Policy)); slices.ContainsFunc(m.Failed, helped) {
		d.learn(m.Of, func(m *flow.GuardMemory) { m.Failed = slices.DeleteFunc(m.Failed, helped) })
	}
}

// relapsed counts a remediation that did not heal. One whose end nobody saw lets
// the next one wait, and is no evidence that its policy is of no use.
func (d *draft) relapsed(r vigil.Remediation) {
	useless := r.State == vigil.Failed || r.State == vigil.TimedOut
	var n int
	d.remember(r.Target, func(m *flow.TargetMemory) {
		m.Failures, m.FailedAt = m.Failures+1, d.now
		m.Unhelpful = maps.Clone(m.Unhelpful)
		if _, known := m.Unhelpful[r.Policy]; !useless || !known && len(m.Unhelpful) >= maxUnhelped {
			return
		}
		if m.Unhelpful == nil {
			m.Unhelpful = map[string]flow.Unhelpful{}
		}
		n = m.Unhelpful[r.Policy].N + 1
		m.Unhelpful[r.Policy] = flow.Unhelpful{N: n, Limit: r.Guards.Ineffective, At: d.now}
	})
	if limit := r.Guards.Ineffective; useless && limit > 0 && n == limit {
		d.record(vigil.AuditRecord{
			By: r.By, Verb: "breaker.tripped", Object: r.Policy, Target: r.Target.String(), To: vigil.WhyIneffective,
			Message: fmt.Sprintf("%d remediations by %s in a row did not help %s; a person goes on", n, r.Policy, r.Target),
		})
	}
}

// alike is how close together the failures of one action lie that stop a policy.
const alike = time.Hour

// flop remembers that the present action of a policy failed, or did not help.
// The same on several targets stops the policy everywhere.
func (d *draft) flop(r vigil.Remediation, action string) {
	if r.Origin != vigil.FromPolicy || action == "" || d.killSwitch.Engaged {
		return
	}
	targets := map[vigil.Target]bool{}
	d.learn(ofPolicy(r.Policy), func(m *flow.GuardMemory) {
		m.Failed = slices.DeleteFunc(m.Failed, func(f flow.FailedAction) bool {
			return d.now.Sub(f.At) >= alike || f.Target == r.Target && f.Action == action
		})
		m.Failed = append(m.Failed, flow.FailedAction{Action: action, Target: r.Target, At: d.now})
		m.Failed = m.Failed[max(0, len(m.Failed)-maxFailed):]
		for _, f := range m.Failed {
			if f.Action == action {
				targets[f.Target] = true
			}
		}
		limit := r.Guards.TripAfter
		if limit == 0 || len(targets) < limit || m.Trip != nil {
			return
		}
		m.Trip = &vigil.Breaker{
			Policy: r.Policy, State: vigil.BreakerTripped, Why: vigil.WhyFailing, At: d.now,
			Detail: fmt.Sprintf("%s failed or did not help on %d targets within %s", action, len(targets), vigil.Duration(alike)),
		}
	})
	if m, _ := d.memories.get(ofPolicy(r.Policy)); m.Trip != nil && m.Trip.At.Equal(d.now) {
		d.tripped(m.Trip, r.By, r.Policy)
		d.demote(*m.Trip)
	}
}

// tripped records a trip, once.
func (d *draft) tripped(b *vigil.Breaker, by, object string) {
	d.record(vigil.AuditRecord{By: by, Verb: "breaker.tripped", Object: object, To: b.Why, Message: b.Detail, Detail: asJSON(b)})
}

// demote has what a stopped policy planned and has not begun wait for a person:
// its mode is suggest from now on. What runs and what is verified goes on.
func (d *draft) demote(b vigil.Breaker) {
	mine := func(r vigil.Remediation) bool {
		return r.Policy == b.Policy && r.Origin == vigil.FromPolicy && (r.State == vigil.Planned || r.State == vigil.Blocked || r.State == vigil.Leased)
	}
	for _, id := range d.open.keys(mine) {
		r, _ := d.edit(id)
		if r.State == vigil.Leased {
			d.block(&r, suggests(b))
		}
		d.askFor(&r, b)
	}
}

// askFor has a remediation wait for a person because of its policy's breaker.
func (d *draft) askFor(r *vigil.Remediation, b vigil.Breaker) {
	r.Hold, r.PlannedAt = suggests(b), d.now
	d.move(r, vigil.AwaitingApproval, "vigil", r.Hold.Detail, r.Hold)
	d.save(r)
}

func suggests(b vigil.Breaker) *vigil.Hold {
	return &vigil.Hold{Reason: vigil.BlockBreaker, Detail: b.Detail + "; " + b.Policy + " may only suggest until vigil breaker reset " + b.Policy}
}

// askAgain has a remediation whose action ran, and which is planned anew, wait for
// a person if its policy's breaker tripped meanwhile.
func (d *draft) askAgain(r *vigil.Remediation) {
	m, _ := d.memories.get(ofPolicy(r.Policy))
	if m.Trip != nil && r.Origin == vigil.FromPolicy {
		if r.State == vigil.Leased { // a person had agreed, and it came back unused
			d.move(r, vigil.Planned, "vigil", "it did not begin", nil)
		}
		d.askFor(r, *m.Trip)
	}
}

// mode is how far a policy may go now: one whose breaker tripped may suggest.
// The policy's document stays as it is, so that applying it again changes nothing.
func (d *draft) mode(p flow.PolicyRow) vigil.Mode {
	m, _ := d.memories.get(ofPolicy(p.Name))
	if m.Trip != nil && p.Mode == vigil.Auto {
		return vigil.Suggest
	}
	return p.Mode
}
