package audit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// past is a policy's past, one episode an hour.
type past struct {
	at  time.Time
	eps []vigil.Episode
	rem []vigil.Remediation
}

func newPast() *past { return &past{at: time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)} }

// episode fires and is clear again after so long; 0: never.
func (p *past) episode(well time.Duration) *vigil.Episode {
	p.at = p.at.Add(time.Hour)
	ep := vigil.Episode{ID: fmt.Sprint("ep-", len(p.eps)), Policy: "cpu-high", FiredAt: p.at}
	if well > 0 {
		ep.ClearAt, ep.EndedAt = p.at.Add(well), p.at.Add(well+30*time.Second)
	}
	p.eps = append(p.eps, ep)
	return &p.eps[len(p.eps)-1]
}

// treated is an episode in which an action began so long after it fired.
func (p *past) treated(deed, well time.Duration, state vigil.State) {
	ep := p.episode(well)
	p.rem = append(p.rem, vigil.Remediation{Episode: ep.ID, State: state, Attempts: []vigil.Attempt{
		{}, {StartedAt: p.at.Add(deed)}, {StartedAt: p.at.Add(deed + time.Second)},
	}})
}

func (p *past) learn() vigil.PolicyStats {
	return audit.Learn("cpu-high", p.eps, p.rem, p.at.Add(24*time.Hour))
}

func TestLearn_CountsWhatWasTreatedAndWhatWasLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPast()
	for i := range 10 {
		p.episode(time.Duration(i+1) * time.Minute)
	}
	p.episode(0)                                 // goes on
	p.episode(0).EndedAt = p.at.Add(time.Minute) // the policy changed
	p.episode(time.Minute).Policy = "other"      // not ours
	p.episode(time.Minute).FiredAt = time.Time{} // never fired
	p.treated(time.Second, time.Minute, vigil.Healed)
	p.treated(time.Second, 3*time.Minute, vigil.Inconclusive)
	p.treated(time.Second, 0, vigil.Failed)
	p.treated(time.Second, 0, vigil.TimedOut)
	p.rem = append(p.rem, vigil.Remediation{Episode: "ep-0", State: vigil.Skipped, Attempts: []vigil.Attempt{{}}}) // never began
	got := p.learn()
	want := vigil.PolicyStats{
		Policy: "cpu-high", Since: newPast().at.Add(time.Hour), Healed: 1, Failed: 2, Unclear: 1,
		Treated:   vigil.Recoveries{Episodes: 4, Recovered: 2, Median: vigil.Duration(time.Minute), P90: vigil.Duration(3 * time.Minute)},
		LeftAlone: vigil.Recoveries{Episodes: 12, Recovered: 10, Median: vigil.Duration(5 * time.Minute), P90: vigil.Duration(9 * time.Minute)},
		Why:       "it takes 5 recoveries after an action that can be compared (so far: 2)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLearn_EstimatesHowManyActionsWereNeedless(t *testing.T) {
	t.Parallel()
	f := func(name string, want float64, unknown string, tell func(p *past)) {
		t.Helper()
		p := newPast()
		tell(p)
		got := p.learn()
		switch {
		case unknown != "" && (got.Needless != nil || !strings.Contains(got.Why, unknown)):
			t.Errorf("%s: needless = %v, %q, want it unknown: %s", name, got.Needless, got.Why, unknown)
		case unknown == "" && (got.Needless == nil || math.Abs(*got.Needless-want) > 0.05 || got.Why != ""):
			t.Errorf("%s: needless = %v, %q, want %v", name, got.Needless, got.Why, want)
		}
	}
	many := func(n int, do func(i int)) {
		for i := range n {
			do(i)
		}
	}
	treat := func(p *past, well time.Duration) {
		many(5, func(int) { p.treated(time.Second, well, vigil.Healed) })
	}
	f("none at all", 0, "episodes left alone (so far: 0)", func(*past) {})
	f("too few left alone", 0, "episodes left alone (so far: 4)", func(p *past) {
		treat(p, time.Minute)
		many(4, func(int) { p.episode(time.Hour) })
	})
	f("it is never over by itself", 0, "", func(p *past) {
		treat(p, time.Minute)
		many(9, func(int) { p.episode(0) })
	})
	f("it is slower by itself", 0, "", func(p *past) {
		treat(p, time.Minute)
		many(9, func(int) { p.episode(10 * time.Minute) })
	})
	f("it is as quick by itself", 1, "", func(p *past) {
		treat(p, time.Minute)
		many(9, func(int) { p.episode(30 * time.Second) })
	})
	f("half of it is", 0.5, "", func(p *past) {
		treat(p, time.Minute)
		many(10, func(i int) { p.episode([]time.Duration{30 * time.Second, time.Hour}[i%2]) })
	})
	f("what is short by itself was over before they acted", 0, "", func(p *past) {
		many(5, func(int) { p.treated(time.Minute, 2*time.Minute, vigil.Healed) })
		many(10, func(i int) { p.episode([]time.Duration{30 * time.Second, time.Hour}[i%2]) })
	})
	f("they acted later than anything lasted", 0, "can be compared (so far: 0)", func(p *past) {
		many(5, func(int) { p.treated(time.Hour, 2*time.Hour, vigil.Healed) })
		many(10, func(int) { p.episode(time.Minute) })
	})
}

// TestLearn_FindsTheTruthBehindActionsThatComeLate: trouble ends by itself after
// an exponential time, actions come at random and do nothing. So all recoveries
// would have come without; who counted only what was left alone to its end would
// see short trouble alone.
func TestLearn_FindsTheTruthBehindActionsThatComeLate(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	p, useful := newPast(), newPast()
	for range 2000 {
		self := time.Duration(rng.ExpFloat64() * float64(time.Minute))
		deed := time.Duration(rng.ExpFloat64() * float64(time.Minute))
		if deed > self {
			p.episode(self)
			useful.episode(self)
			continue
		}
		p.treated(deed, self, vigil.Healed)
		useful.treated(deed, deed+time.Second, vigil.Healed) // what helps at once
	}
	// Of a memoryless trouble the part between deed and end is uniform: one half.
	if got := p.learn(); got.Needless == nil || math.Abs(*got.Needless-0.5) > 0.05 {
		t.Errorf("actions that do nothing: needless = %v %s, want 0.5", got.Needless, got.Why)
	}
	if got := useful.learn(); got.Needless == nil || *got.Needless > 0.05 { // 1-exp(-1/60)
		t.Errorf("actions that help at once: needless = %v %s, want 0.02", got.Needless, got.Why)
	}
}
