package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A series that gives a policy no target, or a strange one, is judged by nobody
// and told of, ever more rarely.
func TestEngine_TellsOfASeriesThatNamesNoTarget(t *testing.T) {
	t.Parallel()
	f := func(target, label, why string) {
		t.Helper()
		w := newWorld(t)
		w.open(1)
		w.apply(func(p *vigil.Policy) { p.Target = target })
		w.Offer(w.batch(sample{label, 0.95, 0}))
		w.step()
		if got := w.takeTold(); got != "" || len(w.order) != 0 {
			t.Errorf("%q: the healer heard %q", label, got)
		}
		if len(w.strays) != 1 || w.strays[0].Policy != "cpu-high" || !strings.Contains(w.strays[0].Why, why) {
			t.Errorf("%q: told of %+v, want %q", label, w.strays, why)
		}
	}
	f("service:{{service}}", "", `target "service:": a name is letters, digits`)
	f("service:{{host}}", "web@db-1@x", `target "service:web@db-1@x"`)
	f("service:{{host}}", "web --root=/", `target "service:web --root=/"`)
	f("service:{{host}}", "../../x", `target "service:../../x"`)
	f("service:web@{{host}}", "*", `target "service:web@*"`)
}

func TestEngine_TellsOfStraysEverMoreRarely(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.Target = "service:{{service}}" })
	w.broken = errors.New("the disk refuses") // what is not recorded is told again
	for i := range 40 {
		w.Offer(w.batch(sample{"x" + strings.Repeat("x", i), 0.95, 0}))
		if err := w.Step(t.Context(), 0, w.clock()); err != nil && !strings.Contains(err.Error(), "the disk refuses") {
			t.Fatal(err)
		}
	}
	w.broken = nil
	w.pass(time.Second)
	if len(w.strays) != 6 { // the 1st, 2nd, 4th, 8th, 16th and 32nd
		t.Errorf("told of %d strays of 40, want 6", len(w.strays))
	}
}

// A module that fires for what it was not asked about (A32) has nothing done, and
// is told of by name.
func TestEngine_TellsOfAModuleThatLeavesItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(*vigil.Policy) {})
	w.foreign = true
	w.Offer(w.batch(sample{"host-1", 0.95, 0}))
	if err := w.Step(t.Context(), 0, w.clock()); vigil.CodeOf(err) != "target_out_of_scope" {
		t.Errorf("Step = %v", err)
	}
	if got := w.takeTold(); got != "" || len(w.firings) != 0 {
		t.Errorf("the healer heard %q", got)
	}
	if len(w.strays) != 1 || !strings.Contains(w.strays[0].Why, "decision 0 is about series 7 of 1") {
		t.Errorf("told of %+v", w.strays)
	}
}
