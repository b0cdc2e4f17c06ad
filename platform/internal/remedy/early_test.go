package remedy_test

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The deed ends at 0s, stabilises until 2s, and the window ends at 10s. The first
// step fails early after 3s of fresh bad samples, the second does not.
func TestVerify_AStepMayFailEarly(t *testing.T) {
	t.Parallel()
	const s = time.Second
	ok, bad, none := vigil.VerdictOK, vigil.VerdictFire, vigil.VerdictNoData
	f := func(name string, early vigil.Duration, at time.Duration, want vigil.State, says ...said) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		p.Runbook = append(p.Runbook, p.Runbook[0])
		p.Runbook[0].FailEarly = early
		w.fire(p)
		l := w.run()
		var passed time.Duration
		for _, j := range says {
			w.pass(j.after - passed)
			passed = j.after
			w.judge(p, j.verdict)
		}
		w.pass(at - passed)
		r := w.want(l.Remediation, want)
		if step := bit(want == vigil.Planned); r.Step != step {
			t.Errorf("%s: at step %d, want %d", name, r.Step, step)
		}
	}
	f("bad for 3s after it stabilised", secs(3), 5*s, vigil.Planned, said{2 * s, bad}, said{5 * s, bad})
	f("bad for less", secs(3), 5*s, vigil.Verifying, said{2 * s, bad}, said{4 * s, bad})
	f("what it does while it stabilises does not count", secs(3), 4*s, vigil.Verifying, said{s, bad}, said{4 * s, bad})
	f("clear in between begins anew", secs(3), 7*s, vigil.Verifying, said{2 * s, bad}, said{4 * s, ok}, said{5 * s, bad}, said{7 * s, bad})
	f("silence in between begins anew", secs(3), 7*s, vigil.Verifying, said{2 * s, bad}, said{4 * s, none}, said{5 * s, bad}, said{7 * s, bad})
	f("one bad sample shows no time", secs(3), 9*s, vigil.Verifying, said{4 * s, bad})
	f("not asked for", 0, 9*s, vigil.Verifying, said{2 * s, bad}, said{9 * s, bad})
}

// After the last step an early failure ends the remediation.
func TestVerify_AnEarlyFailureOfTheLastStepIsTheEnd(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook[0].FailEarly = secs(1)
	w.fire(p)
	l := w.run()
	for range 3 {
		w.pass(2 * time.Second)
		w.judge(p, vigil.VerdictFire)
	}
	w.want(l.Remediation, vigil.Failed)
}

func TestCleared_AsksARunningActionToStopOnlyIfItsStepSaysSo(t *testing.T) {
	t.Parallel()
	f := func(cancels bool) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		p.Runbook = append(p.Runbook, p.Runbook[0]) // a next step, which must not follow
		p.Runbook[0].CancelOnResolve = cancels
		w.fire(p)
		l := w.begin()
		for range 2 {
			w.pass(time.Second)
			w.must(w.Cleared(t.Context(), p.Name, backend, w.clock.now()))
		}
		renewal, err := w.Heartbeat(t.Context(), l)
		if err != nil || renewal.Cancel != cancels || w.led.verbs("remediation.cancel_asked") != bit(cancels) {
			t.Errorf("cancel_on_resolve %t: renewal %+v, %v, asked %d times", cancels, renewal, err, w.led.verbs("remediation.cancel_asked"))
		}
		if !cancels {
			w.must(w.Finish(t.Context(), w.report(l, true)))
			w.want(l.Remediation, vigil.Verifying)
			return
		}
		rep := w.report(l, false)
		rep.Code, rep.Message = "cancelled", "the collector asked to stop"
		w.must(w.Finish(t.Context(), rep))
		w.want(l.Remediation, vigil.Failed)
		if m := w.led.targets[placed.String()]; m.Failures != 0 {
			t.Errorf("what was stopped is counted as %d failures of its target", m.Failures)
		}
	}
	f(true)
	f(false)
}
