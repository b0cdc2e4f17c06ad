package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Inventory keeps which targets each policy knows, so that one which died before
// a restart still counts in its group.
type Inventory interface {
	Known(ctx context.Context) ([]flow.Known, error)
	SaveKnown(ctx context.Context, known, forgotten []flow.Known) error
}

// The bounds and paces of the census.
const (
	maxMembers  = 1 << 20
	countEvery  = time.Minute    // targets that are well are counted anew, and old ones forgotten
	keepEvery   = time.Second    // what is new goes to disk; a crash loses no more, and a sample brings it back
	seenToThe   = time.Hour      // precision of what the disk knows
	defaultTTL  = 24 * time.Hour // a target silent for so long leaves its groups
	restampEach = time.Minute    // how often a target that only goes on says so
)

// member is one target of one policy.
type member struct {
	policy string
	target vigil.Target
}

// entry is how a member stands.
type entry struct {
	group  string
	health vigil.Health
	seen   time.Time // last heard of
	kept   time.Time // seen, as it is on disk; zero: not there
}

// census counts the known targets of each policy by group. The counts follow
// each change of one target, so that to ask costs nothing.
type census struct {
	ttl time.Duration

	mu        sync.Mutex // guards all below
	members   map[member]*entry
	counts    map[string]map[string]*flow.Census // by policy and group
	left      map[string]bool                    // names of decommissioned targets
	unkept    map[member]bool                    // new to the disk, or longer unheard-of there than seenToThe
	forgotten map[member]bool                    // still on disk
}

func newCensus(ttl time.Duration, known []flow.Known, left []vigil.Target) *census {
	c := &census{
		ttl: cmp.Or(ttl, defaultTTL), members: map[member]*entry{}, counts: map[string]map[string]*flow.Census{},
		left: map[string]bool{}, unkept: map[member]bool{}, forgotten: map[member]bool{},
	}
	for _, t := range left {
		c.left[t.String()] = true
	}
	for _, k := range known {
		m := member{k.Policy, k.Target}
		if c.gone(k.Target) {
			c.forgotten[m] = true
			continue
		}
		e := &entry{group: k.Group, health: vigil.Unheard, seen: k.SeenAt, kept: k.SeenAt}
		c.members[m] = e
		c.count(k.Policy, e, 1)
	}
	return c
}

// gone reports whether a target is decommissioned, by itself or with its host.
func (c *census) gone(t vigil.Target) bool {
	return len(c.left) > 0 && slices.ContainsFunc(t.Names(), func(name string) bool { return c.left[name] })
}

// count is called with mu held.
func (c *census) count(policy string, e *entry, by int) {
	groups := c.counts[policy]
	if groups == nil {
		groups = map[string]*flow.Census{}
		c.counts[policy] = groups
	}
	n := groups[e.group]
	if n == nil {
		n = &flow.Census{Group: e.group}
		groups[e.group] = n
	}
	n.Known += by
	switch e.health {
	case vigil.Unhealthy:
		n.Unhealthy += by
	case vigil.Silent:
		n.Silent += by
	case vigil.Unheard:
		n.Unheard += by
	case vigil.Healthy:
	}
	if n.Known == 0 {
		delete(groups, e.group)
	}
}

// note takes in how a target stands. One that has been silent for the time to
// live is not taken up again.
func (c *census) note(m member, group string, health vigil.Health, seen, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.members[m]
	switch {
	case e == nil && (len(c.members) >= maxMembers || c.gone(m.target) || now.Sub(seen) > c.ttl):
		return
	case e == nil:
		e = &entry{}
		c.members[m] = e
		delete(c.forgotten, m)
	default:
		c.count(m.policy, e, -1)
	}
	e.group, e.health = group, health
	if seen.After(e.seen) {
		e.seen = seen
	}
	if e.kept.IsZero() || e.seen.Sub(e.kept) >= seenToThe {
		c.unkept[m] = true
	}
	c.count(m.policy, e, 1)
}

// of returns how a group of a policy stands.
func (c *census) of(policy, group string) flow.Census {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.counts[policy][group]; n != nil {
		return *n
	}
	return flow.Census{Group: group}
}

// forget drops the members that which accepts; called with mu held.
func (c *census) forget(which func(m member, e *entry) bool) {
	for m, e := range c.members {
		if !which(m, e) {
			continue
		}
		c.count(m.policy, e, -1)
		delete(c.members, m)
		delete(c.unkept, m)
		if !e.kept.IsZero() {
			c.forgotten[m] = true
		}
	}
}

// dismiss forgets what a policy knows.
func (c *census) dismiss(policy string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(func(m member, _ *entry) bool { return m.policy == policy })
}

// leave takes a target out of its groups, or lets it come back with its next
// sample.
func (c *census) leave(t vigil.Target, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !gone {
		delete(c.left, t.String())
		return
	}
	c.left[t.String()] = true
	c.forget(func(m member, _ *entry) bool { return c.gone(m.target) })
}

// age forgets who has been silent for the time to live, and takes for silent who
// has not been heard of for the lookback since the start.
func (c *census) age(s *set, born, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(func(m member, e *entry) bool {
		return s.byName[m.policy] == nil || now.Sub(e.seen) > c.ttl
	})
	for m, e := range c.members {
		if e.health == vigil.Unheard && now.Sub(born) > s.byName[m.policy].row.Lookback.D() {
			c.count(m.policy, e, -1)
			e.health = vigil.Silent
			c.count(m.policy, e, 1)
		}
	}
}

// unsaved lists what the disk does not know yet, and what it should forget.
func (c *census) unsaved() (known, forgotten []flow.Known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.unkept {
		e := c.members[m]
		known = append(known, flow.Known{Policy: m.policy, Target: m.target, Group: e.group, SeenAt: e.seen})
	}
	for m := range c.forgotten {
		forgotten = append(forgotten, flow.Known{Policy: m.policy, Target: m.target})
	}
	return known, forgotten
}

// saved notes that the disk knows it now.
func (c *census) saved(known, forgotten []flow.Known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range known {
		if e := c.members[member{k.Policy, k.Target}]; e != nil {
			e.kept = k.SeenAt
			delete(c.unkept, member{k.Policy, k.Target})
			continue
		}
		c.forgotten[member{k.Policy, k.Target}] = true
	}
	for _, k := range forgotten {
		delete(c.forgotten, member{k.Policy, k.Target})
	}
}

// keep brings the disk up to date.
func (e *Engine) keep(ctx context.Context) error {
	known, forgotten := e.census.unsaved()
	if e.opts.Inventory == nil || len(known)+len(forgotten) == 0 {
		return nil
	}
	if err := e.opts.Inventory.SaveKnown(ctx, known, forgotten); err != nil {
		return fmt.Errorf("save the inventory of targets: %w", err)
	}
	e.census.saved(known, forgotten)
	return nil
}

// Decommission takes a target out of every group's census, or lets it come back
// with its next sample. Making that durable is the caller's.
func (e *Engine) Decommission(t vigil.Target, gone bool) { e.census.leave(t, gone) }

// Known lists the targets that policies know, by name.
func (e *Engine) Known(context.Context) ([]vigil.KnownTarget, error) {
	c := e.census
	c.mu.Lock()
	defer c.mu.Unlock()
	by := map[vigil.Target]*vigil.KnownTarget{}
	for m, e := range c.members {
		k := by[m.target]
		if k == nil {
			k = &vigil.KnownTarget{Target: m.target, Health: vigil.Healthy}
			by[m.target] = k
		}
		k.Memberships = append(k.Memberships, vigil.Membership{Policy: m.policy, Group: e.group, Health: e.health, SeenAt: e.seen})
		if e.seen.After(k.SeenAt) {
			k.SeenAt = e.seen
		}
		if gravity(e.health) > gravity(k.Health) {
			k.Health = e.health
		}
	}
	all := make([]vigil.KnownTarget, 0, len(by))
	for _, k := range by {
		slices.SortFunc(k.Memberships, func(a, b vigil.Membership) int { return cmp.Compare(a.Policy, b.Policy) })
		all = append(all, *k)
	}
	slices.SortFunc(all, func(a, b vigil.KnownTarget) int { return cmp.Compare(a.Target.String(), b.Target.String()) })
	return all, nil
}

// gravity orders health by which word speaks for a target.
func gravity(h vigil.Health) int {
	return slices.Index([]vigil.Health{vigil.Healthy, vigil.Unheard, vigil.Silent, vigil.Unhealthy}, h)
}

// groupOf is the group that a series' target counts in.
func (r *rule) groupOf(s vigil.Series) string {
	if r.group == "" {
		return "policy:" + r.name
	}
	return r.group + "=" + s.Get(r.group)
}

// healthOf is what a look says of a target. One that recovers is not well yet,
// and a guest that fails says nothing of it.
func healthOf(f finding, ep vigil.Episode) vigil.Health {
	switch {
	case f.silent || f.verdict == vigil.VerdictNoData || f.verdict == vigil.VerdictError:
		return vigil.Silent
	case f.verdict == vigil.VerdictFire || isOpen(ep):
		return vigil.Unhealthy
	}
	return vigil.Healthy
}

// enter has the census know how a subject stands; called with the book's mu held.
func (b *book) enter(s *subject, now time.Time) {
	if s.health == "" || s.entered == s.health && now.Sub(s.enteredAt) < restampEach || b.e.inForce(s.rule) == nil {
		return
	}
	var seen time.Time
	for _, r := range s.readings {
		if r.heard.After(seen) {
			seen = r.heard
		}
	}
	s.entered, s.enteredAt = s.health, now
	b.e.census.note(member{s.rule.name, s.target}, s.group, s.health, seen, now)
}

// recount has the census know how all subjects stand: those that are well are
// hardly ever looked at.
func (b *book) recount(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.subjects {
		p := b.e.inForce(s.rule)
		if p == nil || len(s.readings) == 0 {
			continue
		}
		s.health = healthOf(s.find(now, p.row.Lookback.D()), s.ep)
		b.enter(s, now)
	}
}

// count keeps the census of a shard's book, and the first shard the whole one.
func (sh *shard) count(ctx context.Context, now time.Time) error {
	if !now.Before(sh.recount) {
		sh.recount = now.Add(countEvery)
		sh.e.books[sh.index].recount(now)
		if sh.index == 0 {
			sh.e.census.age(sh.e.set.Load(), sh.e.born, now)
		}
	}
	if sh.index > 0 || now.Before(sh.kept) {
		return nil
	}
	sh.kept = now.Add(keepEvery)
	return sh.e.keep(ctx)
}
