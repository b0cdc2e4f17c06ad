package remedy

import (
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// survey is how a group stands, as its policy last told.
type survey struct {
	flow.Census
	at time.Time
}

// unproven is a treatment that ended without a fresh sample: its target counts
// as in treatment until it is seen to be well, its episode ends or unheard has
// passed.
type unproven struct {
	group string
	keys  []string // under which the policy may speak of it
	ended time.Time
}

// treating reports whether a remediation has begun to act on its target, or may
// still be acting, and has not ended.
func treating(r vigil.Remediation) bool {
	switch r.State {
	case vigil.Leased, vigil.Running, vigil.Verifying:
		return true
	case vigil.Planned, vigil.Blocked, vigil.AwaitingApproval:
		return slices.ContainsFunc(r.Attempts, func(a vigil.Attempt) bool { return !a.StartedAt.IsZero() })
	default:
		return adrift(r)
	}
}

// tally brings the count of a group's targets in treatment in line with one
// target. What a person asked for is in no group.
func (s *State) tally(target string) {
	was, counted := s.treated.get(target)
	group := s.treatedIn(target)
	if was == group {
		return
	}
	if counted {
		s.treated.drop(target)
		tallied(&s.inGroup, was, -1)
	}
	if group != "" {
		s.treated.put(target, group)
		tallied(&s.inGroup, group, 1)
	}
}

func tallied(counts *shelf[int], group string, by int) {
	n, _ := counts.get(group)
	if n += by; n > 0 {
		counts.put(group, n)
		return
	}
	counts.drop(group)
}

// unbegun reports whether a policy's remediation waits for its first lease.
func unbegun(r vigil.Remediation) bool {
	return r.Group != "" && (r.State == vigil.Planned || r.State == vigil.Blocked) && !treating(r)
}

// treatedIn names the group that a target is in treatment in, "" if it is not.
func (s *State) treatedIn(target string) string {
	if id, ok := s.busy.get(target); ok {
		if r, _ := s.open.get(id); treating(r) && r.Group != "" { // else what was before counts on
			return r.Group
		}
	}
	if id, ok := s.limbo.get(target); ok {
		r, _ := s.open.get(id)
		return r.Group
	}
	u, _ := s.unproven.get(target)
	return u.group
}

// others counts the other targets of a group that are in treatment.
func (s *State) others(group string, t vigil.Target) int {
	n, _ := s.inGroup.get(group)
	own, _ := s.treated.get(t.String())
	return n - count(own == group && group != "")
}

// prove keeps the target of a treatment without a proof, and lets go of one
// that has ended in another way.
func (s *State) prove(r vigil.Remediation) {
	target := r.Target.String()
	switch {
	case r.State == vigil.Inconclusive && r.Group != "":
		s.unproven.put(target, unproven{r.Group, troubles(r), r.EndedAt})
		for _, key := range troubles(r) {
			s.proofs.put(key, target)
		}
	case r.State != vigil.Skipped && r.State != vigil.Cancelled:
		s.proven(target)
	}
}

func (s *State) proven(target string) {
	u, ok := s.unproven.get(target)
	if !ok {
		return
	}
	s.unproven.drop(target)
	for _, key := range u.keys {
		mark(&s.proofs, key, target, false)
	}
	s.tally(target)
}

// groupOf is the group of a firing episode.
func groupOf(f flow.Firing) string {
	if f.Census.Group == "" {
		return "policy:" + f.Policy.Name
	}
	return f.Census.Group
}

// heard keeps what a policy last told of a group.
func (d *draft) heard(policy string, c flow.Census) {
	if d.isNews(policy, c, d.now) {
		d.surveys.put(policy+"|"+c.Group, survey{c, d.now})
	}
}

// isNews reports whether a census tells more than the one that is kept.
func (s *State) isNews(policy string, c flow.Census, now time.Time) bool {
	was, known := s.surveys.get(policy + "|" + c.Group)
	return c.Group != "" && (known || s.surveys.len() < maxSignals) && (was.Census != c || now.Sub(was.at) >= freshly)
}

// freshly is how old a survey may be to speak for its group.
const freshly = 10 * time.Second

// census is how a group stood when the policy last told.
func (d *draft) census(policy, group string) flow.Census {
	s, _ := d.surveys.get(policy + "|" + group)
	s.Group = group
	return s.Census
}

// fleetOf adds to a request what counts more than one target.
func (d *draft) fleetOf(req *guard.Request, policy, group string, t vigil.Target) {
	m, _ := d.targets.get(t.String())
	req.Policy, req.Census, req.Treated = policy, d.census(policy, group), d.others(group, t)
	req.Failures, req.FailedAt, req.Unhelpful = m.Failures, m.FailedAt, m.Unhelpful[policy].N
	req.Buckets, req.Below = d.buckets(policy, req.Guards), d.below(t)
	if g, _ := d.memories.get(ofGroup(group)); g.Trip != nil {
		req.Trip = &guard.Trip{Detail: g.Trip.Detail, Calm: g.Storm.Calm}
		if g.Trip.State == vigil.BreakerHalfOpen {
			req.Trip.Ends = g.Trip.CalmAt.Add(g.Storm.Calm.D())
		}
	}
}
