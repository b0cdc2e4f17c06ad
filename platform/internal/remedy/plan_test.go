package remedy_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestFired_HeldIsRecordedOnceAndMakesNoRow(t *testing.T) {
	t.Parallel()
	f := func(want vigil.BlockReason, change func(w *ward, p *flow.PolicyRow)) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		change(w, &p)
		rows, before := len(w.led.rows), w.led.verbs("remediation.held")+w.led.verbs("remediation.shadow")
		for range 5 {
			w.pass(time.Second)
			w.fire(p)
		}
		if n := len(w.led.rows); n != rows {
			t.Errorf("%s: %d rows, want %d", want, n, rows)
		}
		if n := w.led.verbs("remediation.held") + w.led.verbs("remediation.shadow") - before; n != 1 {
			t.Errorf("%s: recorded %d times, want once", want, n)
		}
		if w.Held()[want] != 1 {
			t.Errorf("held = %v, want one %s", w.Held(), want)
		}
	}
	f(vigil.BlockShadow, func(_ *ward, p *flow.PolicyRow) { p.Mode = vigil.Shadow })
	f(vigil.BlockWarmup, func(_ *ward, p *flow.PolicyRow) { p.Guards.Warmup = secs(60) })
	f(vigil.BlockUnmanaged, func(_ *ward, p *flow.PolicyRow) { p.Target = "service:nosuch" })
	f(vigil.BlockUnmanaged, func(w *ward, _ *flow.PolicyRow) {
		w.must(w.Register(t.Context(), hands("other", "host-2", "backend"))) // which of the two?
	})
	f(vigil.BlockTargetBusy, func(w *ward, _ *flow.PolicyRow) { w.restart("backend") })
	f(vigil.BlockDenied, func(_ *ward, p *flow.PolicyRow) { p.Runbook[0].Action = "poor" })
	f(vigil.BlockDenied, func(_ *ward, p *flow.PolicyRow) { p.Runbook[0].Action = "missing" })
	f(vigil.BlockCooldown, func(w *ward, p *flow.PolicyRow) {
		p.Guards.Cooldown = secs(300)
		w.restart("backend")
		w.clock.add(3 * time.Second)
		w.observe("backend", 1, 42)
	})
	f(vigil.BlockExhausted, func(w *ward, p *flow.PolicyRow) {
		p.Guards.Budget.N = 1
		w.restart("backend")
		w.clock.add(3 * time.Second)
		w.observe("backend", 1, 42)
	})
	f(vigil.BlockKillSwitch, func(w *ward, _ *flow.PolicyRow) {
		w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann"}))
	})
}

func TestFired_ShadowIsRecordedOncePerEpisode(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Mode = vigil.Shadow
	for _, ep := range []string{"ep-1", "ep-1", "ep-2", "ep-2"} {
		w.pass(time.Second)
		fire := w.firing(p)
		fire.Episode.ID = ep
		w.must(w.Fired(t.Context(), fire))
	}
	if n := w.led.verbs("remediation.shadow"); n != 2 {
		t.Errorf("recorded %d times, want twice", n)
	}
}

// What is held is looked at again when the reason ends, without a new event.
func TestHeld_ActsWhenTheReasonEnds(t *testing.T) {
	t.Parallel()
	f := func(name string, hold, free func(w *ward, p *flow.PolicyRow)) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		hold(w, &p)
		w.fire(p)
		if w.lease() != nil {
			t.Fatalf("%s: not held", name)
		}
		free(w, &p)
		if w.lease() == nil {
			t.Errorf("%s: still held", name)
		}
	}
	f("warm-up", func(_ *ward, p *flow.PolicyRow) { p.Guards.Warmup = secs(20) }, func(w *ward, _ *flow.PolicyRow) { w.pass(20 * time.Second) })
	f("unmanaged", func(_ *ward, p *flow.PolicyRow) { p.Target = "service:db" }, func(w *ward, _ *flow.PolicyRow) {
		w.must(w.Register(t.Context(), hands("local", "host-1", "db")))
	})
	f("cooldown", func(w *ward, p *flow.PolicyRow) {
		p.Guards.Cooldown = secs(10)
		w.restart("backend")
		w.clock.add(3 * time.Second)
		w.observe("backend", 1, 42)
	}, func(w *ward, _ *flow.PolicyRow) { w.pass(7 * time.Second) })
	f("kill switch", func(w *ward, _ *flow.PolicyRow) {
		w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann"}))
	}, func(w *ward, _ *flow.PolicyRow) { w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{By: "ann"})) })
}

func TestHeld_ActsInTheStepThatFreesTheTarget(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	first := w.run()
	w.pass(3 * time.Second)
	w.judge(cpuHigh(), vigil.VerdictOK)
	other := cpuHigh()
	other.Name = "memory-high"
	w.fire(other) // the target is busy
	w.clock.add(3 * time.Second)
	w.judge(cpuHigh(), vigil.VerdictOK)
	w.want(first.Remediation, vigil.Healed)
	if r := w.led.newest(t, 0); r.Policy != "memory-high" {
		t.Errorf("newest remediation is of %s, want memory-high", r.Policy)
	}
}

func TestFired_IsHeardWholeWhenTheCallerGoesAway(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.must(w.Fired(gone, w.firing(cpuHigh())))
	if len(w.led.rows) != 1 {
		t.Errorf("%d remediations, want 1", len(w.led.rows))
	}
}

// A fresh plan: what is handed out must still be wanted at that moment.
func TestLease_OnlyWhileTheReasonStands(t *testing.T) {
	t.Parallel()
	f := func(name string, want vigil.State, change func(w *ward)) {
		t.Helper()
		w := newWard(t)
		w.fire(cpuHigh())
		id := w.led.newest(t, 0).ID
		change(w)
		if l := w.lease(); l != nil && l.Remediation == id {
			t.Errorf("%s: leased", name)
		}
		if r, err := w.Remediation(t.Context(), id); err != nil || r.State != want {
			t.Errorf("%s: %s, %v, want %s", name, r.State, err, want)
		}
	}
	f("cleared", vigil.Skipped, func(w *ward) { w.must(w.Cleared(t.Context(), "cpu-high", backend, w.clock.now())) })
	f("policy edited", vigil.Skipped, func(w *ward) {
		p := cpuHigh()
		p.Revision++
		w.fire(p)
	})
	f("too old", vigil.Skipped, func(w *ward) { w.pass(11 * time.Minute) })
	f("newest sample clear", vigil.Planned, func(w *ward) { w.clock.add(time.Second); w.judge(cpuHigh(), vigil.VerdictOK) })
	f("restart, not confirmed yet", vigil.Planned, func(w *ward) { w.reopen() })
}

func TestRestart_GoesOnOnceThePolicyConfirms(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	id := w.led.newest(t, 0).ID
	w.reopen()
	w.fire(cpuHigh())
	if l := w.lease(); l == nil || l.Remediation != id {
		t.Errorf("lease = %+v, want one of %s", l, id)
	}
}

func TestClockJump_BeginsTheWarmupAnew(t *testing.T) {
	t.Parallel()
	f := func(name string, by time.Duration, held int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t)
			w.clock.add(time.Hour) // the warm-up after the start is over
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { w.must(w.Run(ctx)) })
			time.Sleep(time.Second)
			w.clock.add(by)
			time.Sleep(time.Second)
			stop()
			running.Wait()
			p := cpuHigh()
			p.Guards.Warmup = secs(20)
			w.fire(p)
			if got := w.Held()[vigil.BlockWarmup]; got != held {
				t.Errorf("%s: held %d times by the warm-up, want %d", name, got, held)
			}
		})
	}
	f("forward", time.Hour, 1)
	f("back", -30*time.Minute, 1)
	f("corrected a little", 2*time.Second, 0)
}

func TestRestart_SkipsWhatItsPolicyNeverConfirms(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Guards.MaxAge = 0 // no limit of its own
	w.fire(p)
	r := w.led.newest(t, 0)
	w.clock.add(time.Hour)
	w.reopen()
	w.pass(time.Minute)
	w.want(r.ID, vigil.Planned)
	w.pass(10 * time.Minute)
	w.want(r.ID, vigil.Skipped)
}

func TestRestart_RunningIsGivenTimeToBeat(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	w.clock.add(20 * time.Second)
	w.reopen()
	w.pass(10 * time.Second)
	w.want(l.Remediation, vigil.Running)
	w.must(w.Finish(t.Context(), w.report(l, true)))
	w.want(l.Remediation, vigil.Verifying)
}

func TestTarget_IsPlacedByTheSeriesHostWhenSeveralHaveIt(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.must(w.Register(t.Context(), hands("other", "host-2", "backend")))
	fire := w.firing(cpuHigh())
	fire.Series.Labels = vigil.Labels{"host": "host-2"}
	w.must(w.Fired(t.Context(), fire))
	if got := w.led.newest(t, 0).Target.String(); got != "service:backend@host-2" {
		t.Errorf("target = %s, want service:backend@host-2", got)
	}
}

func TestTrace_IsOneFromTheEvaluationToTheVerdict(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	fire := w.firing(cpuHigh())
	fire.Trail = &flow.Trail{Context: fire.Trace, Spans: []flow.Span{{Name: "ingest"}}}
	fire.Spans = []flow.Span{{Name: "evaluate", Context: fire.Trace}}
	w.must(w.Fired(t.Context(), fire))
	l := w.run()
	w.pass(10 * time.Second)
	r := w.want(l.Remediation, vigil.Inconclusive)
	story, _ := flow.ParseTraceparent(r.Trace)
	lease, _ := flow.ParseTraceparent(l.Trace)
	f := func(name string, parent flow.SpanID) flow.Span {
		t.Helper()
		got := w.spans.named(name)
		if len(got) != 1 {
			t.Fatalf("%d spans %s, want 1", len(got), name)
		}
		s := got[0]
		if s.Context.Trace != fire.Trace.Trace || s.Parent != parent || !s.Context.Sampled || s.End.Before(s.Start) {
			t.Errorf("span %s = %+v, want parent %x in trace %x", name, s, parent, fire.Trace.Trace)
		}
		return s
	}
	if len(w.spans.named("ingest")) != 1 || len(w.spans.named("evaluate")) != 1 {
		t.Error("what led to the sample is not exported once")
	}
	if f("remediation", fire.Trace.Span).Context.Span != story.Span {
		t.Error("the remediation's span is not the one in its row")
	}
	f("guard", story.Span)
	f("verify", story.Span)
	if f("lease", story.Span).Context.Span != lease.Span {
		t.Error("the lease's span is not the one the remediator got")
	}
}
