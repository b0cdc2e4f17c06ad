package policy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxChanges bounds the decision rows that one turn writes for verdicts that
// swing to and fro within it. Beyond it only where they end up is written.
const maxChanges = 1024

// key names a subject.
type key struct {
	rule   *rule
	target vigil.Target
}

// book keeps the subjects of some hosts. Its lock is held while the ledger and
// the healer are told, so that both hear of a target in the order of events;
// shards meet in a book only where a target's series come from several hosts.
type book struct {
	e *Engine

	mu       sync.Mutex // guards all below and every subject
	subjects map[key]*subject
	hot      map[*subject]struct{} // those to be looked at though no sample comes
	next     time.Time             // no hot one is due before; zero: none is hot
}

func newBook(e *Engine) *book {
	return &book{e: e, subjects: map[key]*subject{}, hot: map[*subject]struct{}{}}
}

// resume takes up an episode that was open when the collector stopped. If its
// policy is no longer in force the next look ends it.
func (b *book) resume(ep vigil.Episode, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &rule{name: ep.Policy}
	if p := b.e.set.Load().byName[ep.Policy]; p != nil && p.rule != nil {
		r = p.rule
	}
	s := b.open(r, ep.Target, ep.Series)
	s.ep, s.kept, s.word = ep, ep.LastAt, vigil.VerdictPending
	if ep.State == vigil.EpisodeFiring {
		s.word = vigil.VerdictFire
	}
	b.heat(s, now)
}

// subject returns the subject of a rule and a target for one more track, nil
// if the rule is no longer in force.
func (b *book) subject(r *rule, t vigil.Target, of vigil.Series) *subject {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.e.inForce(r) == nil {
		return nil
	}
	s := b.open(r, t, of)
	s.tracks++
	return s
}

// open is called with mu held.
func (b *book) open(r *rule, t vigil.Target, of vigil.Series) *subject {
	s := b.subjects[key{r, t}]
	if s == nil {
		s = &subject{rule: r, target: t, group: r.groupOf(of), readings: map[uint64]*reading{}}
		if p := b.e.inForce(r); p != nil {
			// A remediation from before the start may still wait for verdicts.
			s.watch = b.e.born.Add(treatment(p.row.Policy))
		}
		b.subjects[key{r, t}] = s
	}
	return s
}

// forget takes back a track that has been silent for long.
func (b *book) forget(t *track) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := t.subject
	delete(s.readings, t.id)
	t.reading = nil
	if s.tracks--; s.tracks == 0 && !isOpen(s.ep) {
		s.gone = true
		delete(b.subjects, key{s.rule, s.target})
		delete(b.hot, s)
	}
}

// record takes in what a guest said, in the order it came about, and does what
// follows from it. A verdict that changes is looked at by itself; others once
// per subject.
func (b *book) record(ctx context.Context, notes []note, now time.Time) (fired bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := changes{e: b.e, done: b.e.opts.Now()}
	waiting := 0 // subjects to be looked at for a note that changes nothing
	for i := range notes {
		n := &notes[i]
		s := n.track.subject
		if s.gone {
			continue
		}
		if s.turns(n) && len(c.decisions) < maxChanges {
			c.age(s, n.received)
			s.hear(n)
			c.look(s, n.received, n.began)
			continue
		}
		s.hear(n)
		if s.calm(n, now) {
			continue
		}
		if s.steady == 0 || n.heard.After(notes[s.steady-1].heard) {
			waiting += 1 - min(s.steady, 1)
			s.steady = i + 1
		}
	}
	for i := 0; waiting > 0; i++ {
		if n := &notes[i]; n.track.subject.steady == i+1 {
			waiting--
			n.track.subject.steady = 0
			c.look(n.track.subject, n.heard, n.began)
		}
	}
	return len(c.fires) > 0, b.commit(ctx, &c, now)
}

// tick looks at the hot subjects that are due.
func (b *book) tick(ctx context.Context, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.IsZero() || now.Before(b.next) {
		return nil
	}
	c := changes{e: b.e, done: now}
	for s := range b.hot {
		if !now.Before(s.next) {
			c.look(s, now, now)
		}
	}
	err := b.commit(ctx, &c, now)
	b.next = time.Time{}
	for s := range b.hot {
		b.next = earliest(b.next, s.next)
	}
	return err
}

// due returns when the next tick is; zero if nothing is hot.
func (b *book) due() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// heed does at once what a changed policy means for the subjects of its rule.
func (b *book) heed(ctx context.Context, old, keep *rule, now time.Time) error {
	if old == keep {
		return b.retell(ctx, keep, now)
	}
	return b.dismiss(ctx, old.name, now)
}

// dismiss ends the subjects of a policy whose rule is no longer in force.
func (b *book) dismiss(ctx context.Context, policy string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := changes{e: b.e, done: now}
	for k, s := range b.subjects {
		if k.rule.name == policy && b.e.inForce(k.rule) == nil {
			c.dismiss(s, now)
		}
	}
	return b.commit(ctx, &c, now)
}

// retell looks at the open episodes of a rule at once, so that the healer knows
// of another revision before whoever applied it is answered.
func (b *book) retell(ctx context.Context, r *rule, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := changes{e: b.e, done: now}
	for s := range b.hot {
		if s.rule == r && isOpen(s.ep) {
			c.look(s, now, now)
		}
	}
	return b.commit(ctx, &c, now)
}

// commit makes changes durable, then tells the healer; called with mu held. If
// the ledger refuses, the subjects are as they were and are soon looked at
// again.
func (b *book) commit(ctx context.Context, c *changes, now time.Time) error {
	if len(c.episodes)+len(c.decisions) > 0 {
		if err := b.e.opts.Ledger.SaveEpisodes(ctx, c.episodes, c.decisions); err != nil {
			c.undo()
			for _, was := range c.seen {
				b.heat(was.s, now.Add(lookEvery))
			}
			return fmt.Errorf("save %d episodes and %d decisions: %w", len(c.episodes), len(c.decisions), err)
		}
	}
	for _, was := range c.seen { // before anybody is told: the first of many that fire knows of the others
		b.enter(was.s, now)
	}
	var errs []error
	for _, tell := range c.tell {
		errs = append(errs, tell(ctx))
	}
	for _, was := range c.seen {
		b.settle(was.s, now)
	}
	return errors.Join(errs...)
}

// settle decides whether and when a subject is looked at again.
func (b *book) settle(s *subject, now time.Time) {
	p := b.e.inForce(s.rule)
	switch {
	case s.owed: // the healer could not be told; it must be
		b.heat(s, now.Add(lookEvery))
	case p == nil && isOpen(s.ep): // its policy changed in this very moment
		b.heat(s, now)
	case p != nil && s.hot(now):
		b.heat(s, now.Add(s.pace(p.row.Policy)))
	default:
		delete(b.hot, s)
		if p == nil {
			s.gone = true
			delete(b.subjects, key{s.rule, s.target})
		}
	}
}

// heat has a subject looked at no later than next.
func (b *book) heat(s *subject, next time.Time) {
	s.next = next
	b.hot[s] = struct{}{}
	b.next = earliest(b.next, next)
}

// earliest returns the earlier of two times, where zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
