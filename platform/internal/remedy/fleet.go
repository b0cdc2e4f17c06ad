package remedy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Fleet is what an operator says of all targets, whatever the policies say.
type Fleet struct {
	Rate      vigil.Rate          // of the attempts of all policies together; zero: no limit
	Protected []string            // patterns of targets that nothing automatic acts on: service:db-*
	Own       []string            // patterns of what Vigil itself is made of; the same holds for it
	DependsOn map[string][]string // target → what it stands on; without a host it is meant on any
}

// Marked says what a person says of a target: that it is protected,
// decommissioned, or neither any more.
type Marked struct {
	Target vigil.Target
	Word   string // one of vigil.MarkWords
	By     string
	Reason string
}

func (e Marked) apply(d *draft) {
	m, known := d.targets.get(e.Target.String())
	mark := m.Mark
	switch e.Word {
	case "protected", "unprotected":
		mark.Protected = e.Word == "protected"
	case "decommissioned", "recommissioned":
		mark.Decommissioned = e.Word == "decommissioned"
	default:
		d.fail(vigil.Errorf(vigil.Invalid, "mark_unknown", "mark %.40q: want one of %s", e.Word, strings.Join(vigil.MarkWords(), ", ")).With("field", "mark"))
		return
	}
	if !known && d.targets.len() >= maxTargets {
		d.fail(vigil.Errorf(vigil.Busy, "targets_full", "%d targets are remembered already", maxTargets))
		return
	}
	if mark == m.Mark {
		return // it is so already
	}
	mark.By, mark.Reason, mark.At = e.By, e.Reason, d.now
	if !mark.Protected && !mark.Decommissioned {
		mark = vigil.Mark{}
	}
	d.remember(e.Target, func(m *flow.TargetMemory) { m.Mark = mark })
	d.record(vigil.AuditRecord{By: e.By, Verb: "target." + e.Word, Object: e.Target.String(), Target: e.Target.String(), Message: e.Reason})
	d.again(func(s signal) bool { return s.hold != nil && s.hold.Reason == vigil.BlockUnmanaged })
}

// untouchable says why nothing automatic may act on a target, "" if it may. A
// word on a host holds for its services too, and one without a host for every
// host.
func (s *State) untouchable(t vigil.Target) string {
	names := t.Names()
	for _, name := range names {
		m, _ := s.targets.get(name)
		switch {
		case m.Mark.Decommissioned:
			return fmt.Sprintf("%s is decommissioned by %s; only a person acts on it", name, m.Mark.By)
		case m.Mark.Protected:
			return fmt.Sprintf("%s is protected by %s; only a person acts on it", name, m.Mark.By)
		}
	}
	for _, name := range names {
		if p, ok := matching(s.fleet.Protected, name); ok {
			return fmt.Sprintf("%s is protected by the configuration (%s); only a person acts on it", name, p)
		}
		if _, ok := matching(s.fleet.Own, name); ok {
			return name + " is a part of Vigil; only a person acts on it"
		}
	}
	return ""
}

func matching(patterns []string, name string) (pattern string, ok bool) {
	i := slices.IndexFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
	if i < 0 {
		return "", false
	}
	return patterns[i], true
}

// maxDepth bounds how far below a target trouble is looked for.
const maxDepth = 16

// below finds what a target depends on, at any depth, and is bad or in
// treatment; "" if nothing is.
func (d *draft) below(t vigil.Target) string {
	if len(d.fleet.DependsOn) == 0 {
		return ""
	}
	seen := map[string]bool{t.String(): true}
	level := []vigil.Target{t}
	for range maxDepth {
		var next []vigil.Target
		for _, above := range level {
			for _, b := range d.standsOn(above) {
				if seen[b.String()] {
					continue
				}
				if d.ailing(b) {
					return b.String()
				}
				seen[b.String()] = true
				next = append(next, b)
			}
		}
		if level = next; len(level) == 0 {
			break
		}
	}
	return ""
}

// standsOn lists what a target directly depends on. What is named without a host
// is meant on the target's own host if it is there, else wherever it is.
func (d *draft) standsOn(t vigil.Target) (out []vigil.Target) {
	for _, name := range t.Names()[:min(2, len(t.Names()))] {
		for _, below := range d.fleet.DependsOn[name] {
			b, err := vigil.ParseTarget(below)
			if err != nil {
				continue // refused where it was read
			}
			if hosts, _ := d.homes.get(below); b.Host == "" && isAmong(hosts, t.Host) {
				b.Host = t.Host
			}
			out = append(out, b)
		}
	}
	return out
}

// ailing reports whether a target is known to be bad, or is in treatment. One
// without a host stands for all that have its name.
func (d *draft) ailing(t vigil.Target) bool {
	if d.sick == nil {
		d.sick = map[string]bool{}
		note := func(t vigil.Target) {
			for _, name := range t.Names()[:min(2, len(t.Names()))] {
				d.sick[name] = true
			}
		}
		for _, s := range d.signals.all() {
			if s.fires() {
				t, _ := d.place(s.firing.Episode.Target, s.firing.Series.Get("host"))
				note(t)
			}
		}
		for target := range d.treated.all() {
			if t, err := vigil.ParseTarget(target); err == nil {
				note(t)
			}
		}
	}
	return d.sick[t.String()]
}
