package remedy_test

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

type said struct {
	after   time.Duration // since the deed
	verdict vigil.Verdict
}

// The deed ends at 0s, stabilises until 2s, the window ends at 10s, and clear
// has to hold for 2s.
func TestVerify_FreshSamplesDecide(t *testing.T) {
	t.Parallel()
	const s = time.Second
	f := func(name string, want vigil.State, at time.Duration, says ...said) {
		t.Helper()
		w := newWard(t)
		w.fire(cpuHigh())
		l := w.run()
		var passed time.Duration
		for _, j := range says {
			w.pass(j.after - passed)
			passed = j.after
			w.judge(cpuHigh(), j.verdict)
		}
		w.pass(at - passed)
		if r, err := w.Remediation(t.Context(), l.Remediation); err != nil || r.State != want {
			t.Errorf("%s: %s, %v, want %s", name, r.State, err, want)
		}
	}
	ok, bad, pending, none := vigil.VerdictOK, vigil.VerdictFire, vigil.VerdictPending, vigil.VerdictNoData
	f("clear for as long as recover_for asks", vigil.Healed, 5*s, said{3 * s, ok}, said{5 * s, ok})
	f("not clear for long enough yet", vigil.Verifying, 5*s, said{3 * s, ok}, said{4 * s, ok})
	f("clear, bad, clear starts again", vigil.Verifying, 6*s, said{3 * s, ok}, said{4 * s, bad}, said{5 * s, ok}, said{6 * s, ok})
	f("clear while it stabilises does not count towards recover_for", vigil.Verifying, 3*s, said{s / 2, ok}, said{3 * s, ok})
	f("one clear sample, window over", vigil.Healed, 10*s, said{3 * s, ok})
	f("still firing can never be healed", vigil.Failed, 10*s, said{3 * s, ok}, said{4 * s, bad})
	f("pending is still bad", vigil.Failed, 10*s, said{4 * s, pending})
	f("bad is not failed before the window ends", vigil.Verifying, 9*s, said{4 * s, bad})
	f("silence shows nothing", vigil.Inconclusive, 10*s, said{3 * s, none}, said{8 * s, none})
	f("clear only while it stabilised, then silence", vigil.Inconclusive, 10*s, said{s, ok})
	f("bad only while it stabilised, then silence", vigil.Inconclusive, 10*s, said{s, bad})
	f("clear, then no data", vigil.Inconclusive, 10*s, said{3 * s, ok}, said{8 * s, none})
	f("no data interrupts recover_for", vigil.Verifying, 6*s, said{3 * s, ok}, said{4 * s, none}, said{6 * s, ok})
	f("a sample of the moment of the deed is not newer", vigil.Inconclusive, 10*s, said{0, ok})
}

func TestVerify_SampleMustBeNewerByItsTimeAndByReceipt(t *testing.T) {
	t.Parallel()
	f := func(name string, want vigil.State, sample, receipt, reach time.Duration) {
		t.Helper()
		w := newWard(t)
		w.fire(cpuHigh())
		l := w.run()
		deed := w.clock.now()
		w.pass(9 * time.Second)
		for range 3 { // told again on ticks: still one sample
			w.must(w.Judged(t.Context(), flow.Judged{
				Policy: "cpu-high", Target: backend, Verdict: vigil.VerdictOK, SampleAt: deed.Add(sample), ReceivedAt: deed.Add(receipt), Reach: reach,
			}))
		}
		w.pass(time.Second)
		if r := w.want(l.Remediation, want); want == vigil.Healed && r.Verification.Seen != 1 {
			t.Errorf("%s: saw %d samples, want 1", name, r.Verification.Seen)
		}
	}
	f("both", vigil.Healed, 3*time.Second, 3*time.Second, 0)
	f("old sample delivered late", vigil.Inconclusive, -time.Second, 3*time.Second, 0)
	f("sample from the future received before", vigil.Inconclusive, 3*time.Second, -time.Second, 0)
	f("value computed from samples after the deed", vigil.Healed, 6*time.Second, 6*time.Second, 5*time.Second)
	f("value computed also from samples before the deed", vigil.Inconclusive, 6*time.Second, 6*time.Second, time.Minute)
}

func TestVerify_WindowNoLongerThanStabiliseStillSeesSamples(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.RecoverFor, p.Verify = 0, vigil.Verify{Stabilise: secs(5), Window: secs(5)}
	w.fire(p)
	l := w.run()
	w.pass(6 * time.Second)
	w.judge(p, vigil.VerdictOK)
	w.want(l.Remediation, vigil.Healed)
}

func TestVerify_FailureEscalatesToTheNextStepThenHandsOff(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook = append(p.Runbook, vigil.Step{Action: "fail-over", Timeout: secs(5)})
	w.fire(p)
	first := w.run()
	w.pass(3 * time.Second)
	w.judge(p, vigil.VerdictFire)
	w.pass(7 * time.Second)
	w.want(first.Remediation, vigil.Planned)
	second := w.run()
	if second.Remediation != first.Remediation || second.Action != "fail-over" || second.Attempt != 2 {
		t.Errorf("second lease = %s of %s, attempt %d, want fail-over of %s, attempt 2", second.Action, second.Remediation, second.Attempt, first.Remediation)
	}
	w.pass(3 * time.Second)
	w.judge(p, vigil.VerdictFire)
	w.pass(7 * time.Second)
	w.want(first.Remediation, vigil.Failed)
}

func TestFinish_FailedActionGoesToTheNextStep(t *testing.T) {
	t.Parallel()
	f := func(code string, steps int, want vigil.State) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		for range steps - 1 {
			p.Runbook = append(p.Runbook, vigil.Step{Action: "fail-over"})
		}
		w.fire(p)
		l := w.begin()
		rep := w.report(l, false)
		rep.Code = code
		w.must(w.Finish(t.Context(), rep))
		w.want(l.Remediation, want)
		w.must(w.Finish(t.Context(), rep)) // told twice
	}
	f("service_down", 1, vigil.Failed)
	f("timed_out", 1, vigil.TimedOut)
	f("guest_deadline", 1, vigil.TimedOut)
	f("service_down", 2, vigil.Planned)
}

// While all is well a verdict costs no step; whatever it could move makes it heard.
func TestJudged_IsHeardOnlyByWhomItConcerns(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, calm := webs(), flow.Census{Group: "policy:" + webs().Name, Known: 10, Unhealthy: 1}
	well := func(n int, c flow.Census) flow.Judged {
		now := w.clock.now()
		return flow.Judged{Policy: p.Name, Target: onHost(n), Verdict: vigil.VerdictOK, SampleAt: now, ReceivedAt: now, Census: c}
	}
	heard := func(why string, j flow.Judged, want bool) {
		t.Helper()
		if got := w.Heeds(j); got != want {
			t.Errorf("%s: heeded is %t", why, got)
		}
		w.must(w.Judged(t.Context(), j))
	}
	heard("the first of a group", well(0, calm), true)
	heard("a target that nothing concerns", well(1, calm), false)
	heard("no group", well(1, flow.Census{}), false)
	worse := calm
	worse.Unhealthy = 2
	heard("a group that changed", well(1, worse), true)
	w.clock.add(10 * time.Second)
	heard("a group not spoken of for long", well(1, worse), true)

	shadowed := p
	shadowed.Mode = vigil.Shadow
	w.fireOn(shadowed, onHost(1), worse)
	heard("a target that fires", well(1, worse), true)
	w.fireOn(p, onHost(0), worse)
	w.treat(onHost(0), true)
	w.must(w.Cleared(t.Context(), p.Name, onHost(0), w.clock.now()))
	heard("a target that is treated", well(0, worse), true)

	storm := worse
	storm.Unhealthy = 8
	w.fireOn(p, onHost(2), storm)
	heard("another of a group in a storm", well(3, storm), true)
}
