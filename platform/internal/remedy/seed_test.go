package remedy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The seed's scenario, as README tells it: a lone sample of 0.95.
func TestSeed_LoneSampleActsAndEndsInconclusive(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	r := w.led.newest(t, 0)
	w.want(r.ID, vigil.Planned)
	if r.Target != placed {
		t.Errorf("target = %s, want %s: the host is filled in", r.Target, placed)
	}
	w.run()
	r = w.want(r.ID, vigil.Verifying)
	w.pass(9 * time.Second)
	w.want(r.ID, vigil.Verifying)
	w.pass(time.Second)
	w.want(r.ID, vigil.Inconclusive)
	old := w.firing(cpuHigh()) // a tick tells the old sample again
	old.SampleAt, old.ReceivedAt = start, start
	w.must(w.Fired(t.Context(), old))
	if n := len(w.led.rows); n != 1 {
		t.Errorf("there are %d remediations after an old sample, want 1", n)
	}
}

func TestSeed_SecondSampleWhileVerifyingActsOnceTheTargetFrees(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	first := w.run()
	w.pass(time.Second)
	w.fire(cpuHigh()) // newer than the deed
	w.fire(cpuHigh())
	if n := w.led.verbs("remediation.held"); n != 1 {
		t.Errorf("the hold is recorded %d times, want once", n)
	}
	w.pass(9 * time.Second)
	w.want(first.Remediation, vigil.Inconclusive)
	second := w.run()
	if second.Remediation == first.Remediation || second.Fence <= first.Fence {
		t.Errorf("second lease = %s fence %d, want a new remediation with a fence above %d", second.Remediation, second.Fence, first.Fence)
	}
}

func TestSeed_SecondSampleWhileRunningIsStaleLater(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	w.clock.add(10 * time.Millisecond)
	w.fire(cpuHigh()) // older than the end of the deed
	w.clock.add(10 * time.Millisecond)
	w.must(w.Finish(t.Context(), w.report(l, true)))
	w.pass(10 * time.Second)
	w.want(l.Remediation, vigil.Inconclusive)
	if got := w.lease(); got != nil {
		t.Errorf("leased %s on a sample from before the deed", got.Remediation)
	}
	if got := w.Held()[vigil.BlockStale]; got != 1 {
		t.Errorf("held as stale %d times, want once", got)
	}
}

// README's commands twice: both samples and both restarts act.
func TestSeed_CommandsRunTwiceAllAct(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	for range 2 {
		w.fire(cpuHigh())
		w.run()
		l := w.restart("web")
		w.clock.add(3 * time.Second)
		w.observe("web", 1, 42)
		w.want(l.Remediation, vigil.Healed)
		w.pass(10 * time.Second)
	}
	if n := len(w.led.rows); n != 4 {
		t.Errorf("there are %d remediations, want 4", n)
	}
}

// restart has a person restart a service, and the remediator do it.
func (w *ward) restart(service string) flow.Lease {
	w.t.Helper()
	_, err := w.Request(w.t.Context(), flow.Wish{By: "local", Target: vigil.Target{Kind: "service", Name: service}, Action: "restart-service"})
	w.must(err)
	return w.run()
}

func TestLatency_WaitingRemediatorGetsItsLeaseInOneTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		got := make(chan *flow.Lease)
		go func() {
			l, err := w.Lease(t.Context(), "local", time.Minute)
			w.must(err)
			got <- l
		}()
		synctest.Wait()
		before := w.led.applies
		w.fire(cpuHigh())
		l := <-got
		if n := w.led.applies - before; n != 1 {
			t.Errorf("from firing to lease took %d transactions, want 1", n)
		}
		w.must(w.Start(t.Context(), *l))
		if n := w.led.applies - before; n != 2 {
			t.Errorf("from firing to start took %d transactions, want 2", n)
		}
	})
}

func TestLease_WaitEndsWithNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		began := time.Now()
		l, err := w.Lease(t.Context(), "local", 30*time.Second)
		if l != nil || err != nil || time.Since(began) != 30*time.Second {
			t.Errorf("Lease = %v, %v after %s, want nothing after 30s", l, err, time.Since(began))
		}
		if _, err := w.Lease(t.Context(), "stranger", 0); vigil.CodeOf(err) != "remediator_unknown" {
			t.Errorf("Lease of a stranger: %v, want remediator_unknown", err)
		}
	})
}
