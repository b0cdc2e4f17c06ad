package simulation_test

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// target is a service on a host, as it truly is.
type target struct {
	vigil.Target
	bad   bool
	pid   int
	fence uint64 // the highest token that its host has on disk
}

// policy is a policy and what it thinks of each target.
type policy struct {
	flow.PolicyRow
	views map[*target]*view
}

// view is what a policy has seen of a target.
type view struct {
	episode vigil.Episode
	n       int       // episodes so far
	last    time.Time // of the newest sample judged
}

// populate makes hosts with a few services, one or two remediators on each, and
// the policies that watch them.
func (w *world) populate() {
	hosts := 1 + w.rng.IntN(4)
	for h := range hosts {
		host := fmt.Sprintf("host-%d", h+1)
		var services []string
		for s := range 1 + w.rng.IntN(2) {
			name := fmt.Sprintf("svc-%d", s+1)
			services = append(services, name)
			w.fleet = append(w.fleet, &target{Target: vigil.Target{Kind: "service", Name: name, Host: host}})
		}
		for i := range 1 + w.rng.IntN(2) {
			w.hands = append(w.hands, newHand(w, fmt.Sprintf("rem-%s-%c", host, 'a'+i), host, services))
		}
	}
	for i, draw := range w.rng.Perm(len(kinds()))[:1+w.rng.IntN(3)] {
		row := kinds()[draw]
		row.Name = fmt.Sprintf("%s-%d", row.Name, i)
		w.policies = append(w.policies, &policy{row, map[*target]*view{}})
	}
	w.in(time.Second, w.observe)
	for _, t := range w.fleet {
		w.in(w.between(0, time.Minute), func() { w.decay(t) })
		for _, p := range w.policies {
			p.views[t] = &view{}
			w.in(w.between(0, 5*time.Second), func() { w.scout(p, t) })
		}
	}
}

// kinds are the policies that a history may have.
func kinds() []flow.PolicyRow {
	d := func(v time.Duration) vigil.Duration { return vigil.Duration(v) }
	make := func(name string, mode vigil.Mode, runbook ...string) flow.PolicyRow {
		p := vigil.DefaultPolicy()
		p.Name, p.Module, p.Select.Selector, p.Target, p.Mode = name, "threshold", "load", "service:{{service}}", mode
		p.RecoverFor, p.Lookback = d(time.Second), d(30*time.Second)
		p.Guards.Cooldown, p.Guards.Warmup, p.Guards.MaxAge = d(10*time.Second), d(5*time.Second), d(time.Minute)
		p.Guards.ApproveWithin = d(8 * time.Second)
		p.Guards.Backoff = vigil.Backoff{First: d(5 * time.Second), Most: d(20 * time.Second)}
		p.Guards.Storm.Calm, p.Guards.Storm.Share.N = d(15*time.Second), 50
		p.Guards.MaxConcurrent.N = 30
		p.Verify = vigil.Verify{Stabilise: d(5 * time.Second), Window: d(20 * time.Second)}
		for _, action := range runbook {
			p.Runbook = append(p.Runbook, vigil.Step{Action: action, Timeout: d(20 * time.Second)})
		}
		return flow.PolicyRow{Policy: p, Digest: "sha256:threshold", Revision: 1}
	}
	halts, climbs := make("careful", vigil.Auto, careful), make("ladder", vigil.Auto, idempotent, careful)
	halts.Runbook[0].CancelOnResolve = true
	halts.Runbook[0].Undo = &vigil.Step{Action: idempotent, Timeout: d(20 * time.Second)}
	climbs.Runbook[0].FailEarly = d(4 * time.Second)
	return []flow.PolicyRow{
		make("restart", vigil.Auto, idempotent),
		halts, climbs,
		make("asks", vigil.Suggest, idempotent),
		make("shadow", vigil.Shadow, idempotent),
	}
}

// census counts the targets of a policy by its open episodes.
func (w *world) census(p *policy) flow.Census {
	c := flow.Census{Group: "policy:" + p.Name, Known: len(w.fleet)}
	for _, v := range p.views {
		if v.episode.State == vigil.EpisodeFiring {
			c.Unhealthy++
		}
	}
	return c
}

// decay has a target go bad, or get well by itself, at random.
func (w *world) decay(t *target) {
	t.bad = !w.calm && w.rng.IntN(3) > 0
	w.in(w.between(5*time.Second, 90*time.Second), func() { w.decay(t) })
}

// scout is one look of a policy at a target: a sample, which may lie, and what
// the policy tells the healer of it.
func (w *world) scout(p *policy, t *target) {
	w.in(w.between(time.Second, 6*time.Second), func() { w.scout(p, t) })
	bad, at := t.bad, w.now
	switch {
	case w.fault(15): // nothing came
		return
	case w.fault(40):
		bad = !bad
	case w.fault(40):
		at = at.Add(-w.between(0, time.Minute)) // an old sample
	case w.fault(40):
		at = at.Add(w.between(0, 5*time.Minute)) // and one of a wrong clock
	}
	if w.fault(30) {
		w.message(func() { w.tellSilence(p, t) })
		return
	}
	w.message(func() { w.tell(p, t, bad, at) })
}

// tell brings the policy's episode in line with a sample and says so. A sample
// is judged once, in time order; the episodes survive the collector.
func (w *world) tell(p *policy, t *target, bad bool, at time.Time) {
	v := p.views[t]
	if !w.collector.up || !at.After(v.last) {
		return
	}
	v.last = at
	judged := flow.Judged{Policy: p.Name, Target: t.Target, Verdict: vigil.VerdictOK, SampleAt: at, ReceivedAt: w.collector.clock()}
	if !bad {
		w.hear(p, t, at, false, remedy.Judged{Judged: judged})
		if v.episode.State == vigil.EpisodeFiring {
			v.episode.State = vigil.EpisodeResolved
			w.collector.step(remedy.Cleared{Policy: p.Name, Target: t.Target, At: at})
		}
		return
	}
	if v.episode.State != vigil.EpisodeFiring {
		v.n++
		v.episode = vigil.Episode{
			ID: fmt.Sprintf("ep-%s-%s-%d", p.Name, t.Target, v.n), Policy: p.Name, Target: t.Target, State: vigil.EpisodeFiring, Since: at,
		}
	}
	v.episode.LastAt = at
	judged.Verdict, judged.Census = vigil.VerdictFire, w.census(p)
	w.collector.step(remedy.Judged{Judged: judged})
	w.hear(p, t, at, true, remedy.Fired{Firing: flow.Firing{
		Policy: p.PolicyRow, Episode: v.episode, Decision: "dec-" + v.episode.ID,
		Series:   vigil.Series{Name: "load", Labels: vigil.Labels{"host": t.Host, "service": t.Name}},
		SampleAt: at, ReceivedAt: judged.ReceivedAt, Value: 1, Census: judged.Census,
	}})
}

// hear takes a step by which the collector learns how a target stands, and has
// the watch know it too, unless the step was void.
func (w *world) hear(p *policy, t *target, at time.Time, bad bool, body remedy.Body) {
	undo := w.watch.told(p, t, at, bad)
	if f, ok := body.(remedy.Fired); ok {
		w.watch.stormy[p.Name] = f.Policy.Guards.Storm.Rages(f.Census.Bad(), f.Census.Known)
	}
	if out, heard := w.collector.step(body); !heard || vigil.CodeOf(out.Err) == codeDisk {
		undo()
	}
}

// tellSilence says that the policy has no data of the target.
func (w *world) tellSilence(p *policy, t *target) {
	w.collector.step(remedy.Judged{Judged: flow.Judged{Policy: p.Name, Target: t.Target, Verdict: vigil.VerdictNoData}})
}

// observe tells how the services stand, by which people's wishes are verified.
func (w *world) observe() {
	w.in(w.between(time.Second, 5*time.Second), w.observe)
	var facts []remedy.Fact
	for _, t := range w.fleet {
		facts = append(facts, remedy.Fact{Service: t.Name, Host: t.Host, At: w.now, Up: !t.bad, PID: t.pid})
	}
	w.message(func() { w.collector.step(remedy.Observed{Facts: facts, ReceivedAt: w.collector.clock()}) })
}
