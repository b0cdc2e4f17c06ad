package remedy

import (
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard/brake"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of the state. Reaching one gives a coded error, never growth.
const (
	maxOpen     = 10_000  // remediations that are not final
	maxSignals  = 10_000  // firing episodes
	maxHands    = 10_000  // remediators
	maxServices = 1_000   // of one remediator
	maxDeeds    = 64      // remembered per target
	maxTargets  = 100_000 // with a memory, beyond which people mark no more
	maxFailed   = 256     // failed actions remembered per policy
	maxUnhelped = 64      // policies that a target remembers
)

// The times of a lease.
const (
	beatEvery = 3 * time.Second  // a remediator is asked to beat this often
	lostAfter = 15 * time.Second // without a beat the executor counts as vanished
)

// Manual says under which limits a person's wish is treated.
type Manual struct {
	Guards vigil.Guards
	Verify vigil.Verify
}

// DefaultManual holds a person back by nothing but a busy target: "service up
// with its new pid" is shown after 2 s and within 30 s, and a wish that no
// remediator took within 2 m would surprise whoever made it.
func DefaultManual() Manual {
	d := func(v time.Duration) vigil.Duration { return vigil.Duration(v) }
	return Manual{
		Guards: vigil.Guards{MaxAge: d(2 * time.Minute)},
		Verify: vigil.Verify{Stabilise: d(2 * time.Second), Window: d(30 * time.Second)},
	}
}

// State is all that a step reads. It has the semantics of a value: a step never
// changes the state it was given.
type State struct {
	tenant  string
	started time.Time // of this process, or its clock's last jump: warm-up counts from it
	manual  Manual
	fleet   Fleet

	// Durable: what these hold can be rebuilt from the ledger.
	open       shelf[vigil.Remediation] // by id: not final, or in limbo
	targets    shelf[flow.TargetMemory] // by target
	killSwitch flow.KillSwitch
	brakes     brake.Set
	busy       shelf[string] // target → the open remediation that occupies it
	limbo      shelf[string] // target → the remediation that may still be running there
	trouble    shelf[string] // policy|target → the open remediation that treats it
	refused    shelf[string] // policy|target → id of the episode that a person does not want treated
	queue      []string      // ids of planned remediations, oldest first; never changed in place
	watching   int           // manual remediations being verified
	memories   shelf[flow.GuardMemory]
	treated    shelf[string]   // target → the group it is in treatment in
	inGroup    shelf[int]      // group → how many of its targets are
	unbegun    shelf[int]      // group → how many of its remediations have not begun
	unproven   shelf[unproven] // target → the treatment that nobody saw the end of
	proofs     shelf[string]   // policy|target → the unproven target that it may speak of

	// Of this process: after a restart the world tells it again.
	signals shelf[signal]           // policy|target → the firing episode
	hands   shelf[vigil.Remediator] // by id
	resting shelf[vigil.Remediator] // by id: those whose host's pause file has them begin nothing
	homes   shelf[[]string]         // kind:name → the hosts that have it, in order
	beats   shelf[time.Time]        // remediation → last sign of life of its executor
	cancels shelf[string]           // remediation → who asked its running action to cancel
	surveys shelf[survey]           // policy|group → how the group stands
}

// signal is a firing episode as the policy last told it, and what became of it.
type signal struct {
	firing  flow.Firing
	clearAt time.Time // time of the newest sample judged clear
	hold    *vigil.Hold
	acted   time.Time // of the sample that a remediation was planned on
	shadow  string    // id of the episode whose would-be action is recorded
	told    bool      // the spans that led to this sample are exported
}

// fires reports whether the newest sample still fires.
func (s signal) fires() bool {
	e := s.firing.Episode
	return e.ClearAt.IsZero() && e.State == vigil.EpisodeFiring && !s.clearAt.After(s.firing.SampleAt)
}

// NewState rebuilds the state at a start, where every executor is believed
// alive. Of those that ended, newest first, three kinds still count: without their
// executor's word they hold their target until somebody acts on it, by a person's
// no they keep their episode from being treated, and without a fresh sample they
// count as in treatment for a while.
func NewState(tenant string, started time.Time, manual Manual, fleet Fleet, t flow.Treatment, ended []vigil.Remediation) State {
	s := State{tenant: tenant, started: started, manual: manual, fleet: fleet, killSwitch: t.KillSwitch, brakes: brake.New(t.Pauses, t.Windows)}
	for _, m := range t.Guards {
		s.memories.put(m.Of, m)
	}
	for _, m := range t.Targets {
		s.targets.put(m.Target.String(), m)
	}
	byAge := func(a, b vigil.Remediation) int { return a.PlannedAt.Compare(b.PlannedAt) }
	for _, r := range slices.SortedStableFunc(slices.Values(t.Open), byAge) {
		s.keep(r)
		s.beats.put(r.ID, started)
	}
	for _, r := range slices.Backward(ended) {
		switch {
		case r.State == vigil.Cancelled:
			s.leaveAlone(r)
		case r.State == vigil.Inconclusive:
			if started.Sub(r.EndedAt) < unheard && !s.lastDeed(r.Target).After(r.EndedAt) {
				s.keep(r)
			}
		case adrift(r) && !s.lastDeed(r.Target).After(r.EndedAt):
			s.keep(r)
		}
	}
	return s
}

// give lets one step change the state in place where it has copied it.
func (s *State) give(step *byte) {
	for _, part := range []interface{ give(step *byte) }{
		&s.open, &s.targets, &s.busy, &s.limbo, &s.trouble, &s.refused, &s.memories, &s.treated, &s.inGroup, &s.unbegun, &s.unproven, &s.proofs,
		&s.signals, &s.hands, &s.homes, &s.beats, &s.cancels, &s.surveys,
	} {
		part.give(step)
	}
}

// leaveAlone keeps the policy from planning anew for an episode that a person does
// not want treated, also when the policy has yet to speak of it.
func (s *State) leaveAlone(r vigil.Remediation) {
	for _, key := range troubles(r) {
		if sig, ok := s.signals.get(key); !ok || sig.firing.Episode.ID == r.Episode {
			s.refused.put(key, r.Episode)
		}
	}
}

func (s *State) lastDeed(t vigil.Target) time.Time {
	m, _ := s.targets.get(t.String())
	if len(m.Deeds) == 0 {
		return time.Time{}
	}
	return m.Deeds[len(m.Deeds)-1]
}

func fingerprint(policy string, t vigil.Target) string { return policy + "|" + t.String() }

// troubles are the fingerprints under which a policy may speak of a
// remediation: with the host that was filled in when it was planned, or without.
func troubles(r vigil.Remediation) []string {
	if r.Origin != vigil.FromPolicy {
		return nil
	}
	anywhere := r.Target
	anywhere.Host = ""
	return []string{fingerprint(r.Policy, r.Target), fingerprint(r.Policy, anywhere)}
}

// signalOf finds the firing episode that r treats.
func (s *State) signalOf(r vigil.Remediation) (signal, bool) {
	for _, key := range troubles(r) {
		if sig, ok := s.signals.get(key); ok {
			return sig, true
		}
	}
	return signal{}, false
}
