package policy

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// changes is what some looks at subjects led to: rows to write, and what the
// healer is to be told once they are written.
type changes struct {
	e         *Engine
	done      time.Time // when the guest had answered
	episodes  []vigil.Episode
	decisions []vigil.Decision
	tell      []func(context.Context) error
	fires     map[string]int // by episode: where in tell the healer hears that it fires
	seen      []seen         // in order of the looks
}

// seen is a subject that was looked at, and how it stood before.
type seen struct {
	s   *subject
	was course
}

// undo puts every subject back to where it stood.
func (c *changes) undo() {
	for _, x := range slices.Backward(c.seen) {
		x.s.course = x.was
	}
}

// look moves a subject by what its readings say at a time. The look was caused
// by a sample that began to wait at began, or by a tick.
func (c *changes) look(s *subject, now, began time.Time) {
	p := c.e.inForce(s.rule)
	if p == nil {
		c.dismiss(s, now)
		return
	}
	c.seen = append(c.seen, seen{s, s.course})
	f := s.find(now, p.row.Lookback.D())
	if f.verdict == "" {
		return
	}
	before := s.ep
	s.move(f, now, p.row.Policy)
	s.health = healthOf(f, s.ep)
	c.write(s, before, f, p, now)
	if !isOpen(s.ep) && before.State == vigil.EpisodeFiring {
		s.owed, s.watch = true, now.Add(treatment(p.row.Policy))
	}
	c.announce(s, p, f, now, began)
}

// age looks at a subject that is about to hear another verdict, if the one that
// stood until then has moved its episode meanwhile: when a turn comes late, time
// has passed that no tick has seen.
func (c *changes) age(s *subject, now time.Time) {
	p := c.e.inForce(s.rule)
	if p == nil || !isOpen(s.ep) {
		return
	}
	f := s.find(now, p.row.Lookback.D())
	if advance(s.ep, f.verdict, now, holdOf(p.row.Policy)).State != s.ep.State {
		c.look(s, now, now)
	}
}

// holdOf is how long the policy's host waits.
func holdOf(p vigil.Policy) hold { return hold{p.For.D(), p.RecoverFor.D()} }

// move advances the subject's episode.
func (s *subject) move(f finding, now time.Time, p vigil.Policy) {
	ep := advance(s.ep, f.verdict, now, holdOf(p))
	if isOpen(ep) && f.silent {
		ep = end(ep, now)
		ep.Reason = "no data for " + p.Lookback.String()
	}
	if ep.ID == "" && isOpen(ep) { // it has just begun
		ep.ID, ep.Policy, ep.Target, ep.Series = vigil.NewID("ep"), p.Name, s.target, f.reading.series
		s.about, s.owed = f.id, false
	}
	if f.reading != nil && isOpen(ep) {
		ep.LastAt = f.reading.newest
		if f.verdict == vigil.VerdictFire {
			ep.Value, ep.Reason = f.reading.value, f.reading.reason
		}
	}
	s.ep = ep
}

// write adds the rows that a look calls for: a decision when the word for the
// target changes, the episode when its state does or a decision was made, and
// now and then while it lasts: a restart takes up only what was heard of within
// the lookback.
func (c *changes) write(s *subject, before vigil.Episode, f finding, p *bound, now time.Time) {
	word := f.verdict
	if word == vigil.VerdictFire && s.ep.State == vigil.EpisodePending {
		word = vigil.VerdictPending
	}
	turned := word != s.word
	// That a target begins as well or unheard-of is no news.
	news := turned && (s.word != "" || (word != vigil.VerdictOK && word != vigil.VerdictNoData))
	s.word = word
	if news && f.reading != nil {
		d := s.decision(word, f, p, now)
		d.Engine = c.e.opts.Engine
		if word == vigil.VerdictFire {
			s.ep.Decision = d.ID
		}
		c.decisions = append(c.decisions, d)
	}
	moved := s.ep.ID != before.ID || s.ep.State != before.State
	aged := s.ep.LastAt.Sub(s.kept) > p.row.Lookback.D()/4
	if moved || ((turned || aged) && isOpen(s.ep)) {
		s.kept = s.ep.LastAt
		c.episodes = append(c.episodes, s.ep)
	}
}

// decision is the row for what a reading says, with all that it takes to judge
// it again.
func (s *subject) decision(word vigil.Verdict, f finding, p *bound, now time.Time) vigil.Decision {
	r := f.reading
	d := vigil.Decision{
		ID: vigil.NewID("dec"), Policy: s.rule.name, Digest: s.rule.digest, Series: r.series, Target: s.target,
		Verdict: word, Value: r.value, Reason: r.reason, At: r.at, Received: r.received, Samples: r.seen.observations(), Basis: r.basis, Bare: r.bare,
		Revision: p.row.Revision, Settings: s.rule.settings, Lookback: p.row.Lookback, Config: s.rule.config, SeriesID: f.id, Flags: r.seen.flags,
		Evaluated: r.asking.now, Seq: r.asking.seq, Calls: r.asking.calls, Beside: r.asking.batch,
	}
	if f.mute {
		silence := r.silence(now)
		d.Silence = &silence
		d.Basis, d.Reason = vigil.BasisSilence, "no data for "+p.row.Lookback.String()
	}
	return d
}

// announce has the healer told of a look: first the verdict, then what became
// of the episode.
func (c *changes) announce(s *subject, p *bound, f finding, now, began time.Time) {
	treat := c.e.opts.Treat
	if s.hot(now) {
		j := s.judged(f)
		c.tell = append(c.tell, func(ctx context.Context) error {
			j.Census = c.e.census.of(s.rule.name, s.group)
			return treat.Judged(ctx, j)
		})
	}
	if s.ep.State == vigil.EpisodeFiring && f.verdict == vigil.VerdictFire {
		c.fire(c.firing(s, p, f.reading, began), s.group)
	}
	if s.owed {
		c.clear(s)
	}
}

// fire has the healer told that an episode fires, once however many looks found
// it so.
func (c *changes) fire(f flow.Firing, group string) {
	tell := func(ctx context.Context) error {
		f.Census = c.e.census.of(f.Policy.Name, group)
		return c.e.opts.Treat.Fired(ctx, f)
	}
	if i, ok := c.fires[f.Episode.ID]; ok {
		c.tell[i] = tell
		return
	}
	if c.fires == nil {
		c.fires = map[string]int{}
	}
	c.fires[f.Episode.ID] = len(c.tell)
	c.tell = append(c.tell, tell)
}

// clear has the healer told that the subject's episode ended, again and again
// until it takes it.
func (c *changes) clear(s *subject) {
	at := s.ep.EndedAt
	c.tell = append(c.tell, func(ctx context.Context) error {
		err := c.e.opts.Treat.Cleared(ctx, s.rule.name, s.target, at)
		s.owed = err != nil
		return err
	})
}

// dismiss ends a subject's episode because its rule is no longer in force.
func (c *changes) dismiss(s *subject, now time.Time) {
	c.seen = append(c.seen, seen{s, s.course})
	if isOpen(s.ep) {
		s.owed = s.ep.State == vigil.EpisodeFiring
		s.ep = end(s.ep, now)
		s.ep.Reason = "the policy changed"
		c.episodes = append(c.episodes, s.ep)
	}
	if s.owed {
		c.clear(s)
	}
}

// firing is what the healer is told of an episode that fires.
func (c *changes) firing(s *subject, p *bound, r *reading, began time.Time) flow.Firing {
	span := evaluateSpan(r.trail, s.rule, began, c.done)
	span.Attrs = append(span.Attrs,
		flow.Attr{Key: "vigil.target", Value: s.target.String()},
		flow.Attr{Key: "vigil.decision", Value: s.ep.Decision},
		flow.Attr{Key: "vigil.episode", Value: s.ep.ID},
		flow.Attr{Key: "vigil.value", Value: r.value})
	return flow.Firing{
		Policy: p.row, Episode: s.ep, Decision: s.ep.Decision, Series: r.series,
		SampleAt: r.newest, ReceivedAt: r.heard, Reach: s.rule.reach(), Value: r.value, Reason: r.reason,
		Trail: r.trail, Trace: span.Context, Spans: []flow.Span{span},
	}
}

// evaluateSpan covers a sample's wait for its shard and the guest's answer.
func evaluateSpan(trail *flow.Trail, r *rule, began, done time.Time) flow.Span {
	span := flow.Span{
		Name: "evaluate", Service: "collector", Start: began, End: done,
		Attrs: []flow.Attr{{Key: "vigil.policy", Value: r.name}, {Key: "vigil.module", Value: r.digest}},
	}
	if trail != nil && trail.Context.Valid() {
		span.Context, span.Parent = trail.Context.Child(), trail.Context.Span
	} else {
		span.Context = flow.NewTrace()
	}
	return span
}

// finite is the value, or 0 where JSON has no word for it.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
