package remediator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRun_RegistersAndTreatsALease(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir()).start(t)
	if r := next(t, b.registered, "registration"); r.ID != "rem-a" || r.Host != "h1" || len(r.Services) != 1 {
		t.Errorf("registered %+v, want itself with its services", r)
	}
	l := leaseOf("rem-1", 1)
	b.leases <- l
	rep := next(t, b.reports, "report")
	if !rep.OK || !rep.Started || rep.Code != "" || rep.Fence != 1 || rep.PID != 8 || rep.PIDBefore != 7 ||
		len(rep.Calls) != 1 || len(rep.Log) != 1 || rep.EndedAt.Before(rep.StartedAt) {
		t.Errorf("report = %+v, want a good run with its transcript", rep)
	}
	b.quit()
	wantTree(t, b.spans, l.Trace)
	if left, err := b.r.outbox.all(); err != nil || len(left) != 0 {
		t.Errorf("outbox = %v, %v, want it empty", left, err)
	}
}

// wantTree checks that the lease span hangs on the collector's and the action's
// on the lease's.
func wantTree(t *testing.T, spans []flow.Span, trace string) {
	t.Helper()
	root, _ := flow.ParseTraceparent(trace)
	if len(spans) != 2 {
		t.Fatalf("spans = %+v, want action and lease", spans)
	}
	action, lease := spans[0], spans[1]
	if lease.Parent != root.Span || action.Parent != lease.Context.Span || action.Context.Trace != root.Trace || !action.Context.Sampled {
		t.Errorf("spans = %+v, want collector, lease, action in one line", spans)
	}
}

func TestTreat_DoesNothingBeforeItMay(t *testing.T) {
	t.Parallel()
	f := func(name, code string, change func(b *bench, l *flow.Lease)) {
		t.Helper()
		b := newBench(t, t.TempDir())
		l := leaseOf("rem-1", 5)
		change(b, l)
		b.start(t)
		b.leases <- l
		rep := next(t, b.reports, "report")
		if rep.Started || rep.OK || rep.Code != code {
			t.Errorf("%s: report = %+v, want not started with code %q", name, rep, code)
		}
		if n := b.count(); n != 0 {
			t.Errorf("%s: %d effects, want none", name, n)
		}
	}
	raise := func(token uint64) func(*bench, *flow.Lease) {
		return func(b *bench, l *flow.Lease) {
			if err := b.r.fences.raise(l.Target, token); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("same fence again", "fence_stale", raise(5))
	f("lower fence", "fence_stale", raise(6))
	f("fence file unreadable", "fence_corrupt", func(b *bench, l *flow.Lease) {
		if err := os.WriteFile(b.r.fences.path(l.Target), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f("service of another host", "target_unknown", func(_ *bench, l *flow.Lease) { l.Target.Name = "db" })
	f("other host", "target_unknown", func(_ *bench, l *flow.Lease) { l.Target.Host = "h2" })
	f("lease lost while the module is fetched", "lease_lost", func(b *bench, _ *flow.Lease) {
		b.beatErr = vigil.Errorf(vigil.Conflict, "lease_lost", "not yours")
		b.hands.prepare = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	})
	f("other kind of target", "target_unknown", func(_ *bench, l *flow.Lease) { l.Target.Kind = "host" })
	f("module not to be had", "module_unknown", func(b *bench, _ *flow.Lease) {
		b.hands.prepare = func(context.Context) error { return vigil.Errorf(vigil.NotFound, "module_unknown", "no such module") }
	})
	f("intent refused", "held", func(b *bench, _ *flow.Lease) {
		b.startErr = vigil.Errorf(vigil.Held, "held", "kill switch")
	})
	f("intent unanswered", "internal", func(b *bench, _ *flow.Lease) { b.startErr = errors.New("connection reset") })
	f("kill switch while the consent is on its way", "cancelled", func(b *bench, l *flow.Lease) {
		l.Heartbeat = vigil.Duration(time.Minute) // no beat comes by itself
		b.lag(time.Second)
		b.onStart = func() { b.renewal.Cancel = true }
	})
	f("consent always late", "consent_stale", func(b *bench, l *flow.Lease) {
		l.Heartbeat = vigil.Duration(time.Minute)
		b.lag(time.Second)
	})
	f("paused while the consent was on its way", "held", func(b *bench, l *flow.Lease) {
		l.Heartbeat = vigil.Duration(time.Minute)
		b.lag(time.Second)
		b.onStart = func() { b.renewal.Hold = "ann paused everything: moving" }
	})
	f("pause file comes with the lease", "paused", func(b *bench, _ *flow.Lease) {
		b.hands.prepare = func(context.Context) error { return os.WriteFile(b.r.o.PauseFile, nil, 0o600) }
	})
	f("pause file comes with the consent", "paused", func(b *bench, _ *flow.Lease) {
		b.onStart = func() {
			if err := os.WriteFile(b.r.o.PauseFile, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTreat_RepeatsAnUnansweredIntent(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	b.startErr = errors.New("connection reset")
	b.hands.prepare = func(context.Context) error {
		time.AfterFunc(time.Millisecond, func() { b.set(func(d *desk) { d.startErr = nil }) })
		return nil
	}
	b.start(t)
	b.leases <- leaseOf("rem-1", 1)
	if rep := next(t, b.reports, "report"); !rep.OK {
		t.Errorf("report = %+v, want the action run after the second try", rep)
	}
}

func TestTreat_StoresTheFenceBeforeTheIntent(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	l := leaseOf("rem-1", 7)
	var stored string
	b.onStart = func() {
		text, _ := os.ReadFile(filepath.Join(b.dir, "fence", "service_web"))
		stored = string(text)
	}
	b.start(t)
	b.leases <- l
	next(t, b.reports, "report")
	if stored != "7" {
		t.Errorf("fence file held %q when the intent was written, want 7", stored)
	}
	again := newBench(t, b.dir)
	if err := again.r.fences.raise(l.Target, 7); vigil.CodeOf(err) != "fence_stale" {
		t.Errorf("after a restart the same fence gives %v, want fence_stale", err)
	}
}

func TestTreat_ReportsHowTheActionEnded(t *testing.T) {
	t.Parallel()
	f := func(name, code string, change func(b *bench, l *flow.Lease)) {
		t.Helper()
		b := newBench(t, t.TempDir())
		l := leaseOf("rem-1", 1)
		change(b, l)
		b.start(t)
		b.leases <- l
		rep := next(t, b.reports, "report")
		if !rep.Started || rep.OK || rep.Code != code {
			t.Errorf("%s: report = %+v, want a bad end with code %q", name, rep, code)
		}
		if n := b.count(); n != 0 {
			t.Errorf("%s: %d effects, want none", name, n)
		}
	}
	answers := func(out vigil.ActionOutput, err error) func(*bench, *flow.Lease) {
		return func(b *bench, _ *flow.Lease) {
			b.hands.run = func(context.Context, Caller) (vigil.ActionOutput, error) { return out, err }
		}
	}
	// A guest that is cut off may still try one more call, which must be refused.
	untilStopped := func(b *bench) {
		b.hands.run = func(ctx context.Context, calls Caller) (vigil.ActionOutput, error) {
			<-ctx.Done()
			return restart(context.WithoutCancel(ctx), calls)
		}
	}
	f("says no", "gave_up", answers(vigil.ActionOutput{Code: "gave_up"}, nil))
	f("says no without a code", "action_failed", answers(vigil.ActionOutput{}, nil))
	f("trap", "guest_trap", answers(vigil.ActionOutput{}, vigil.Errorf(vigil.Internal, "guest_trap", "unreachable")))
	f("timeout", "timed_out", func(b *bench, l *flow.Lease) {
		l.Timeout = vigil.Duration(50 * time.Millisecond)
		untilStopped(b)
	})
	f("collector cancels", "cancelled", func(b *bench, _ *flow.Lease) {
		b.onStart = func() { b.renewal.Cancel = true } // not before: a beat may come first
		untilStopped(b)
	})
	f("collector forgot the lease", "lease_lost", func(b *bench, _ *flow.Lease) {
		b.beatErr = vigil.Errorf(vigil.Conflict, "lease_over", "not yours")
		untilStopped(b)
	})
	f("collector silent", "lease_lost", func(b *bench, _ *flow.Lease) {
		b.beatErr = errors.New("no route to host")
		untilStopped(b)
	})
	f("later lease served meanwhile", "fence_stale", func(b *bench, l *flow.Lease) {
		b.onStart = func() {
			if err := b.r.fences.raise(l.Target, 2); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestHold_DistrustsItsTimersAfterAStop(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	l := *leaseOf("rem-1", 1)
	l.Heartbeat = vigil.Duration(time.Minute) // no beat comes within this test
	if err := b.r.fences.raise(l.Target, 1); err != nil {
		t.Fatal(err)
	}
	ctx, h := b.r.hold(t.Context(), l)
	defer h.release()
	if err := h.holds(ctx); err != nil {
		t.Fatalf("holds = %v, want nil", err)
	}
	h.mu.Lock()
	h.answered = h.answered.Add(-4 * time.Minute) // as if the process had been stopped so long
	h.mu.Unlock()
	if err := h.holds(ctx); vigil.CodeOf(err) != "lease_lost" {
		t.Errorf("holds = %v, want lease_lost", err)
	}
}

func TestTreat_KeepsTheLeaseWhileTheActionRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	seen := func() int { b.desk.mu.Lock(); defer b.desk.mu.Unlock(); return b.beats }
	b.hands.run = func(ctx context.Context, calls Caller) (vigil.ActionOutput, error) {
		for seen() < 8 && ctx.Err() == nil { // longer than silence would allow
			sleep(ctx, time.Millisecond)
		}
		return restart(ctx, calls)
	}
	b.start(t)
	b.leases <- leaseOf("rem-1", 1)
	if rep := next(t, b.reports, "report"); !rep.OK {
		t.Errorf("report = %+v, want a good end", rep)
	}
}

func TestRun_LetsAnActionFinishWhenItStops(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	release := make(chan struct{})
	b.hands.run = func(ctx context.Context, calls Caller) (vigil.ActionOutput, error) {
		<-release
		return restart(ctx, calls)
	}
	b.start(t)
	b.leases <- leaseOf("rem-1", 1)
	next(t, b.started, "intent")
	stopped := make(chan struct{})
	go func() { defer close(stopped); b.quit() }()
	close(release)
	if rep := next(t, b.reports, "report"); !rep.OK {
		t.Errorf("report = %+v, want the action finished", rep)
	}
	next(t, stopped, "end of Run")
}

func TestRun_ComesBackAfterTheCollectorWasAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	b.leases <- nil // one failed poll
	b.start(t)
	next(t, b.registered, "registration")
	next(t, b.registered, "second registration, for the collector may have forgotten")
	b.leases <- leaseOf("rem-1", 1)
	if rep := next(t, b.reports, "report"); !rep.OK {
		t.Errorf("report = %+v, want a good run", rep)
	}
}

func TestFinish_KeepsTheReportUntilTheCollectorTakesIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	b.finishErr = errors.New("connection refused")
	b.start(t)
	b.leases <- leaseOf("rem-1", 1)
	next(t, b.started, "intent")
	var left []flow.Report
	for end := time.Now().Add(10 * time.Second); len(left) == 0 && time.Now().Before(end); {
		left, _ = b.r.outbox.all()
	}
	if len(left) != 1 || !left[0].OK {
		t.Fatalf("outbox = %+v, want the report", left)
	}
	next := func(b *bench) flow.Report { return next(t, b.reports, "report") }
	later := newBench(t, b.dir).start(t) // as after a crash
	if rep := next(later); rep.Remediation != "rem-1" || !rep.OK {
		t.Errorf("report = %+v, want the one that was kept", rep)
	}
	b.desk.set(func(d *desk) { d.finishErr = nil })
	if rep := next(b); !rep.OK {
		t.Errorf("report = %+v, want it sent once the collector answers", rep)
	}
}

func TestFinish_AcceptsTheCollectorsRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	b.finishErr = vigil.Errorf(vigil.Conflict, "attempt_over", "too late")
	b.r.finish(t.Context(), *leaseOf("rem-1", 1), flow.Report{Remediation: "rem-1", Attempt: 1})
	if left, err := b.r.outbox.all(); err != nil || len(left) != 0 {
		t.Errorf("outbox = %v, %v, want it empty", left, err)
	}
}
