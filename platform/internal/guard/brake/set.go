package brake

import (
	"cmp"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of a set.
const (
	MaxPauses  = 100
	MaxWindows = 100
)

// Set is the brakes that are set. The zero value is none. A pause is in force
// until it is taken out, also past its expiry, so that nobody who sets the clock
// can end it; a window is open by the clock.
type Set struct {
	pauses  []vigil.Pause // oldest first; these slices are never changed in place
	windows []window      // by name

	// What is open was worked out for the times from since until before till.
	since, till time.Time
	open        []opening
}

// opening is a window that is open.
type opening struct {
	vigil.Window
	closes time.Time // zero: when a person removes it
}

// New makes a set of what was stored. Nothing is refused: a window that cannot
// be understood is open.
func New(pauses []vigil.Pause, windows []vigil.Window) Set {
	s := Set{pauses: slices.Clone(pauses)}
	slices.SortStableFunc(s.pauses, func(a, b vigil.Pause) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	for _, w := range windows {
		read, err := understand(w)
		if err != nil {
			read.broken = true
		}
		s.windows = append(s.windows, read)
	}
	s.sort()
	return s
}

func (s *Set) sort() {
	slices.SortStableFunc(s.windows, func(a, b window) int { return cmp.Compare(a.Name, b.Name) })
}

// At is the set with what is open at now worked out, which is work only when a
// window opened or closed since.
func (s Set) At(now time.Time) Set {
	if !s.since.IsZero() && !now.Before(s.since) && (s.till.IsZero() || now.Before(s.till)) {
		return s
	}
	s.since, s.till, s.open = now, time.Time{}, nil
	until := func(t time.Time) {
		if !t.IsZero() && (s.till.IsZero() || t.Before(s.till)) {
			s.till = t
		}
	}
	for _, w := range s.windows {
		opens, closes := w.around(now)
		until(opens)
		if w.broken || !closes.IsZero() {
			s.open = append(s.open, opening{w.Window, closes})
			until(closes)
		}
	}
	return s
}

// Paused returns the pauses that cover an action, oldest first.
func (s Set) Paused(policy string, t vigil.Target) []vigil.Pause {
	var cover []vigil.Pause
	for _, p := range s.pauses {
		if p.Covers(policy, t) {
			cover = append(cover, p)
		}
	}
	return cover
}

// Maintained returns the open window that covers an action and closes last, and
// when it does (zero: when a person removes it). ok is false if there is none.
func (s Set) Maintained(policy string, t vigil.Target, now time.Time) (w vigil.Window, closes time.Time, ok bool) {
	for _, o := range s.At(now).open {
		if !o.Covers(policy, t) {
			continue
		}
		if !ok || o.closes.IsZero() || !closes.IsZero() && o.closes.After(closes) {
			w, closes, ok = o.Window, o.closes, true
		}
	}
	return w, closes, ok
}

// Pauses lists the pauses, oldest first.
func (s Set) Pauses() []vigil.Pause { return slices.Clone(s.pauses) }

// Windows lists the windows by name, with how each stands.
func (s Set) Windows(now time.Time) []vigil.Window {
	var all []vigil.Window
	for _, w := range s.windows {
		v := w.Window
		v.OpensAt, v.ClosesAt = w.around(now)
		v.Open = w.broken || !v.ClosesAt.IsZero()
		all = append(all, v)
	}
	return all
}

// With is the set with a pause more; one of the same holder and scope gives way
// to it, and its id is returned.
func (s Set) With(p vigil.Pause) (next Set, replaced string, err error) {
	same := func(q vigil.Pause) bool { return q.Holder == p.Holder && q.Scope == p.Scope }
	if i := slices.IndexFunc(s.pauses, same); i >= 0 {
		replaced = s.pauses[i].ID
	} else if len(s.pauses) >= MaxPauses {
		return s, "", vigil.Errorf(vigil.Busy, "pauses_full", "%d pauses are set already", MaxPauses).
			Hinted("lift old ones (vigil resume HOLDER) or stop everything (vigil killswitch engage)")
	}
	s.pauses = append(slices.DeleteFunc(slices.Clone(s.pauses), same), p)
	return s.renewed(), replaced, nil
}

// Without is the set without the pauses that gone accepts, and those.
func (s Set) Without(gone func(vigil.Pause) bool) (next Set, lifted []vigil.Pause) {
	var kept []vigil.Pause
	for _, p := range s.pauses {
		if gone(p) {
			lifted = append(lifted, p)
		} else {
			kept = append(kept, p)
		}
	}
	s.pauses = kept
	return s.renewed(), lifted
}

// WithWindow is the set with a window more, which must be new.
func (s Set) WithWindow(w vigil.Window, now time.Time) (Set, error) {
	read, err := checkWindow(w, now)
	switch {
	case err != nil:
		return s, err
	case slices.ContainsFunc(s.windows, func(have window) bool { return have.Name == w.Name }):
		return s, vigil.Errorf(vigil.Conflict, "maintenance_exists", "there is a window %s already", w.Name).Hinted("vigil maintenance rm %s", w.Name)
	case len(s.windows) >= MaxWindows:
		return s, vigil.Errorf(vigil.Busy, "maintenance_full", "there are %d windows already", MaxWindows).Hinted("vigil maintenance ls shows them")
	}
	s.windows = append(slices.Clone(s.windows), read)
	s.sort()
	return s.renewed(), nil
}

// WithoutWindows is the set without the windows that gone accepts, and those.
func (s Set) WithoutWindows(gone func(vigil.Window) bool) (next Set, removed []vigil.Window) {
	var kept []window
	for _, w := range s.windows {
		if gone(w.Window) {
			removed = append(removed, w.Window)
		} else {
			kept = append(kept, w)
		}
	}
	s.windows = kept
	return s.renewed(), removed
}

// renewed forgets what was worked out for the set before.
func (s Set) renewed() Set {
	s.since = time.Time{}
	return s
}

// Past reports whether a window was for once and is over.
func Past(w vigil.Window, now time.Time) bool { return !w.Until.IsZero() && !now.Before(w.Until) }
