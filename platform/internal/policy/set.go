package policy

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// rule is the part of a policy that decides verdicts: which series, judged by
// what, for which target. Revisions that change nothing of it share it, and
// with it all that is known of their targets.
type rule struct {
	name     string
	digest   string
	selects  vigil.Select
	settings []byte
	target   string
	group    string
	matches  func(vigil.Series) bool // nil if it asks
	query    *query                  // nil if it selects
	config   uint32                  // the policy's number in every guest that judges for it
	cost     *cost
	strays   atomic.Uint64 // that its policy or module left its scope
}

// judges reports whether the rule says what the row says.
func (r *rule) judges(row flow.PolicyRow) bool {
	return r.digest == row.Digest && r.selects == row.Select && r.target == row.Target &&
		r.group == row.Group && bytes.Equal(r.settings, row.Settings)
}

// bound is an applied policy. rule is nil while it judges nothing: disabled, or
// no longer readable.
type bound struct {
	row  flow.PolicyRow
	rule *rule
}

// set is all policies at one time. It never changes; a new one replaces it.
type set struct {
	byName map[string]*bound
	active []*bound // those with a rule, by name
}

func newSet(byName map[string]*bound) *set {
	s := &set{byName: byName}
	for _, b := range byName {
		if b.rule != nil {
			s.active = append(s.active, b)
		}
	}
	slices.SortFunc(s.active, func(a, b *bound) int { return cmp.Compare(a.row.Name, b.row.Name) })
	return s
}

// with returns the set with one policy added or replaced.
func (s *set) with(b *bound) *set {
	next := maps.Clone(s.byName)
	next[b.row.Name] = b
	return newSet(next)
}

// without returns the set with one policy less.
func (s *set) without(name string) *set {
	next := maps.Clone(s.byName)
	delete(next, name)
	return newSet(next)
}

// has reports whether the rule is in force.
func (s *set) has(r *rule) bool {
	b := s.byName[r.name]
	return b != nil && b.rule == r
}

// inForce returns the policy that a rule belongs to now, nil if none does.
func (e *Engine) inForce(r *rule) *bound {
	if s := e.set.Load(); s.has(r) {
		return s.byName[r.name]
	}
	return nil
}

// digests returns the modules that judge for the set.
func (s *set) digests() map[string]bool {
	m := map[string]bool{}
	for _, b := range s.active {
		m[b.rule.digest] = true
	}
	return m
}

// freeConfig returns the lowest number above 0 that no rule of the set has.
func (s *set) freeConfig() uint32 {
	taken := map[uint32]bool{}
	for _, b := range s.active {
		taken[b.rule.config] = true
	}
	n := uint32(1)
	for taken[n] {
		n++
	}
	return n
}

// reach is how far before a sample that the rule judges its value looks.
func (r *rule) reach() time.Duration {
	if r.query == nil {
		return 0
	}
	return r.query.reach
}

// bind makes a bound policy of a row. It keeps the rule, or at least its
// number, of the policy's last revision where it can.
func (e *Engine) bind(old *bound, row flow.PolicyRow, free func() uint32) (*bound, error) {
	b := &bound{row: row}
	if old != nil && old.rule != nil && old.rule.judges(row) && row.Mode != vigil.Disabled {
		b.rule = old.rule
		return b, nil
	}
	r := &rule{name: row.Name, digest: row.Digest, selects: row.Select, settings: row.Settings, target: row.Target, group: row.Group}
	var err error
	if row.Select.IsQuery() {
		r.query, err = e.study(row.Policy)
	} else {
		r.matches, err = e.opts.Selector(row.Select.Selector)
	}
	if err != nil || row.Mode == vigil.Disabled {
		return b, err
	}
	b.rule = r
	if old != nil && old.rule != nil {
		b.rule.config = old.rule.config
	} else {
		b.rule.config = free()
	}
	b.rule.cost = newCost()
	if old != nil && old.rule != nil && old.rule.digest == row.Digest {
		b.rule.cost = old.rule.cost // its counters go on
	}
	return b, nil
}

// load binds stored rows. One that cannot be read must not keep the others
// from judging.
func (e *Engine) load(rows []flow.PolicyRow) *set {
	byName := make(map[string]*bound, len(rows))
	config := uint32(0)
	next := func() uint32 { config++; return config }
	for _, row := range rows {
		b, err := e.bind(nil, row, next)
		if err != nil {
			e.opts.Log.Error("stored policy judges nothing", "policy", row.Name, "err", err)
		}
		byName[row.Name] = b
	}
	return newSet(byName)
}
