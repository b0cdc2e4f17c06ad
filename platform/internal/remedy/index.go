package remedy

import (
	"slices"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// codeLost and codeOverdue mark attempts that ended without their executor's
// word: it vanished, or it beats on past its timeout.
const (
	codeLost    = "executor_lost"
	codeOverdue = "deadline_passed"
)

// adrift reports whether the remediation ended without its executor's word, so
// that its action may still be running.
func adrift(r vigil.Remediation) bool {
	if r.State == vigil.Unknown {
		return true
	}
	a := r.Current()
	return r.State == vigil.TimedOut && a != nil && a.Code == codeOverdue
}

func watched(r vigil.Remediation) bool {
	return r.Origin != vigil.FromPolicy && r.State == vigil.Verifying
}

// keep stores r and brings every index in line with it.
func (s *State) keep(r vigil.Remediation) {
	was, _ := s.open.get(r.ID)
	target := r.Target.String()
	mark(&s.busy, target, r.ID, r.Open())
	mark(&s.limbo, target, r.ID, adrift(r))
	for _, key := range troubles(r) {
		mark(&s.trouble, key, r.ID, r.Open())
	}
	s.enqueue(r.ID, r.State == vigil.Planned)
	s.watching += count(watched(r)) - count(watched(was))
	if by := count(unbegun(r)) - count(unbegun(was)); by != 0 {
		tallied(&s.unbegun, r.Group, by)
	}
	if r.State.Final() {
		s.prove(r)
	}
	if r.Open() || adrift(r) {
		s.open.put(r.ID, r)
	} else {
		s.forget(r.ID)
	}
	s.tally(target)
}

// forget drops what only an open remediation needs.
func (s *State) forget(id string) {
	s.open.drop(id)
	s.beats.drop(id)
	s.cancels.drop(id)
}

// settleLimbo lets go of whoever may still have been running on the target:
// a later deed there was somebody's decision.
func (s *State) settleLimbo(target, except string) {
	id, ok := s.limbo.get(target)
	if !ok || id == except {
		return
	}
	s.limbo.drop(target)
	s.forget(id)
	s.tally(target)
}

func (s *State) enqueue(id string, planned bool) {
	at := slices.Index(s.queue, id)
	switch {
	case planned && at < 0:
		s.queue = append(slices.Clip(s.queue), id)
	case !planned && at >= 0:
		s.queue = slices.Concat(s.queue[:at], s.queue[at+1:])
	}
}

// mark makes key name id, or no longer name it.
func mark(s *shelf[string], key, id string, on bool) {
	if on {
		s.put(key, id)
		return
	}
	if now, ok := s.get(key); ok && now == id {
		s.drop(key)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
