package remedy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (w *ward) pause(holder string, d vigil.Duration, scope vigil.Scope) vigil.Pause {
	w.t.Helper()
	p, err := w.Pause(w.t.Context(), vigil.Pause{Holder: holder, By: "ann", Reason: "moving", Scope: scope}, d)
	w.must(err)
	return p
}

func (w *ward) resume(who string, remain int) {
	w.t.Helper()
	left, err := w.Resume(w.t.Context(), who, "ann")
	w.must(err)
	if len(left) != remain {
		w.t.Fatalf("after %s resumed %d pauses remain, want %d", who, len(left), remain)
	}
}

// heldBy checks why a person's wish for a service is held.
func (w *ward) heldBy(service string, want vigil.BlockReason) {
	w.t.Helper()
	_, err := w.Request(w.t.Context(), wish(service))
	var got vigil.BlockReason
	if err != nil {
		got, _ = vigil.AsError(err).Fields["reason"].(vigil.BlockReason)
	}
	if got != want || want == "" && err != nil {
		w.t.Errorf("a wish for %s = %v, want held by %s", service, err, want)
	}
}

func TestPause_RunningActionsFinishAndNothingNewStarts(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	_, err := w.Request(t.Context(), wish("web"))
	w.must(err)
	running := w.begin()
	p := w.pause("ann", 0, vigil.Scope{})

	w.want(l.Remediation, vigil.Blocked) // handed out, not started: taken back
	if err := w.Start(t.Context(), *l); err == nil {
		t.Error("started under a pause")
	}
	now, err := w.Heartbeat(t.Context(), running)
	if now.Cancel || err != nil || !strings.Contains(now.Hold, "ann paused everything: moving") {
		t.Errorf("Heartbeat = %+v, %v, want what runs to finish and nothing to be entered", now, err)
	}
	w.must(w.Finish(t.Context(), w.report(running, true)))
	w.want(running.Remediation, vigil.Verifying)
	w.heldBy("cache", vigil.BlockPaused)
	w.fire(cpuHigh())
	w.pass(time.Hour)
	if w.lease() != nil {
		t.Error("leased under a pause")
	}
	w.resume(p.ID, 0)
	w.heldBy("cache", "")
}

func TestPause_ASecondHolderKeepsIt(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.pause("ann", 0, vigil.Scope{})
	w.pause("ann", 0, vigil.Scope{Target: "service:web"})
	w.pause("bob", 0, vigil.Scope{})
	w.fire(cpuHigh())
	w.resume("ann", 1)
	w.fire(cpuHigh())
	w.heldBy("cache", vigil.BlockPaused)
	w.resume("bob", 0)
	if w.lease() == nil {
		t.Error("nothing to lease although nobody holds the pause any more")
	}
	if _, err := w.Resume(t.Context(), "bob", "ann"); vigil.CodeOf(err) != "pause_not_found" {
		t.Errorf("Resume twice = %v, want pause_not_found", err)
	}
}

func TestPause_TheSameHolderSaysItAnew(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.pause("ann", 0, vigil.Scope{})
	w.fire(cpuHigh())
	w.pause("ann", secs(5), vigil.Scope{})
	if pauses, _ := w.Brakes(); len(pauses) != 1 || len(w.led.pauses) != 1 {
		t.Fatalf("pauses %+v, stored %+v, want one", pauses, w.led.pauses)
	}
	w.pass(5 * time.Second)
	if w.lease() == nil {
		t.Error("the shorter pause did not end")
	}
}

func TestPause_EndsByItselfAndThePresentIsJudged(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	gone, stays := cpuHigh(), cpuHigh()
	gone.Name, gone.Target = "gone", "service:web"
	w.pause("ann", secs(60), vigil.Scope{})
	w.fire(gone)
	w.fire(stays)
	w.pass(30 * time.Second)
	w.must(w.Cleared(t.Context(), "gone", mustTarget("service:web"), w.clock.now()))
	w.fire(stays)
	w.pass(29 * time.Second)
	if w.lease() != nil {
		t.Fatal("leased before the pause expired")
	}
	w.pass(time.Second)
	l := w.lease()
	if l == nil || l.Target != placed {
		t.Fatalf("lease = %+v, want what still fires", l)
	}
	if w.lease() != nil {
		t.Error("what was over before the pause ended was replayed")
	}
	if n := w.led.verbs("pause.expired"); n != 1 || len(w.led.pauses) != 0 {
		t.Errorf("%d records of the expiry, %d pauses stored, want 1 and 0", n, len(w.led.pauses))
	}
}

func TestPause_IsLiftedEarlyAndAtOnce(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	w.pause("ann", secs(300), vigil.Scope{})
	if r := w.want(l.Remediation, vigil.Blocked); r.Hold.RetryAt.Sub(start) != 5*time.Minute {
		t.Errorf("hold = %+v, want to be asked again in 5m", r.Hold)
	}
	w.resume("ann", 0)
	if again := w.lease(); again == nil || again.Remediation != l.Remediation {
		t.Errorf("lease = %+v, want %s at once", again, l.Remediation)
	}
}

func TestPause_KeepsToItsScope(t *testing.T) {
	t.Parallel()
	f := func(name string, s vigil.Scope, web, cache, policy vigil.BlockReason) {
		t.Helper()
		w := newWard(t)
		w.pause("ann", 0, s)
		w.heldBy("web", web)
		w.heldBy("cache", cache)
		w.fire(cpuHigh())
		if got := w.Held()[vigil.BlockPaused] - int64(bit(web != "")) - int64(bit(cache != "")); got != int64(bit(policy != "")) {
			t.Errorf("%s: the policy was held %d times", name, got)
		}
	}
	const no, held = vigil.BlockReason(""), vigil.BlockPaused
	f("everything", vigil.Scope{}, held, held, held)
	f("policy", vigil.Scope{Policy: "cpu-high"}, no, no, held)
	f("another policy", vigil.Scope{Policy: "other"}, no, no, no)
	f("service", vigil.Scope{Target: "service:web"}, held, no, no)
	f("services", vigil.Scope{Target: "service:*@host-1"}, held, held, held)
	f("host", vigil.Scope{Target: "host:host-1"}, held, held, held)
	f("another host", vigil.Scope{Target: "host:host-2"}, no, no, no)
}

func TestBrakes_SurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	w.pause("ann", secs(60), vigil.Scope{})
	w.pause("bob", 0, vigil.Scope{})
	w.reopen()
	w.fire(cpuHigh())
	w.pass(2 * time.Minute) // what ann said has expired meanwhile
	if w.lease() != nil {
		t.Error("leased under bob's pause")
	}
	w.want(l.Remediation, vigil.Blocked)
	w.resume("bob", 0)
	if again := w.lease(); again == nil || again.Remediation != l.Remediation {
		t.Errorf("lease = %+v, want %s", again, l.Remediation)
	}
}

func TestPause_IsNotSetWhenItCannotBeKept(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.led.broken = fmt.Errorf("disk full")
	if _, err := w.Pause(t.Context(), vigil.Pause{By: "ann", Reason: "r"}, 0); err == nil {
		t.Error("Pause promised what is not durable")
	}
	w.led.broken = nil
	if pauses, _ := w.Brakes(); len(pauses) != 0 {
		t.Errorf("pauses = %+v, want none", pauses)
	}
}

func TestPause_NoClockEndsIt(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.pause("ann", secs(600), vigil.Scope{})
	w.clock.add(24 * time.Hour)
	w.fire(cpuHigh()) // before the jump was noticed
	if w.lease() != nil {
		t.Fatal("a clock that was set ahead ended the pause")
	}
	w.must(w.Jump(t.Context(), 24*time.Hour))
	w.pass(9 * time.Minute)
	w.heldBy("web", vigil.BlockPaused)
	w.reopen()
	w.heldBy("web", vigil.BlockPaused)
	w.pass(time.Minute)
	w.heldBy("web", "")
}

func TestMaintenance_HoldsWhileItIsOpenAndReplaysNothing(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	// The clock stands at Thursday, 1 January 2026, 09:00 UTC.
	_, err := w.SetMaintenance(t.Context(), vigil.Window{
		Name: "weekly", By: "ann", Cron: "5 10 * * THU", Duration: vigil.Duration(time.Hour), TZ: "Europe/Berlin", Scope: vigil.Scope{Target: "host:host-1"},
	}, 0)
	w.must(err)
	w.pass(4 * time.Minute)
	w.fire(cpuHigh())
	l := w.lease() // handed out a minute before
	w.clock.add(time.Minute)
	if err := w.Start(t.Context(), *l); vigil.AsError(err).Fields["reason"] != vigil.BlockMaintained {
		t.Errorf("Start = %v, want held by maintenance", err)
	}
	r := w.want(l.Remediation, vigil.Blocked)
	if want := start.Add(65 * time.Minute); !r.Hold.RetryAt.Equal(want) {
		t.Errorf("asked again at %s, want %s", r.Hold.RetryAt, want)
	}
	w.must(w.Cleared(t.Context(), "cpu-high", backend, w.clock.now()))
	w.want(l.Remediation, vigil.Skipped)
	w.fire(cpuHigh())
	w.pass(59 * time.Minute)
	w.fire(cpuHigh())
	if w.lease() != nil {
		t.Fatal("leased during maintenance")
	}
	w.pass(time.Minute)
	if w.lease() == nil {
		t.Error("nothing to lease after maintenance although it still fires")
	}
	if n := w.led.verbs("remediation.planned"); n != 2 {
		t.Errorf("%d remediations were planned, want the one before and the one after", n)
	}
}

func TestMaintenance_ForOnceBeginsNowAndIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	got, err := w.SetMaintenance(t.Context(), vigil.Window{Name: "move", By: "ann"}, secs(60))
	w.must(err)
	if !got.Open || !got.ClosesAt.Equal(start.Add(time.Minute)) {
		t.Errorf("SetMaintenance = %+v, want it open for a minute", got)
	}
	if _, err := w.SetMaintenance(t.Context(), vigil.Window{Name: "move", By: "ann"}, secs(60)); vigil.CodeOf(err) != "maintenance_exists" {
		t.Errorf("SetMaintenance again = %v, want maintenance_exists", err)
	}
	w.fire(cpuHigh())
	w.heldBy("web", vigil.BlockMaintained)
	w.pass(time.Minute)
	if w.lease() == nil {
		t.Error("nothing to lease after the window closed")
	}
	if _, windows := w.Brakes(); len(windows) != 0 || len(w.led.windows) != 0 || w.led.verbs("maintenance.over") != 1 {
		t.Errorf("windows %+v, stored %+v, want none and one record", windows, w.led.windows)
	}
}

func TestMaintenance_RemovedEarlyFreesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	_, err := w.SetMaintenance(t.Context(), vigil.Window{Name: "move", By: "ann"}, secs(600))
	w.must(err)
	w.fire(cpuHigh())
	w.must(w.RemoveMaintenance(t.Context(), "move", "bob"))
	if w.lease() == nil {
		t.Error("nothing to lease although the window was removed")
	}
	if err := w.RemoveMaintenance(t.Context(), "move", "bob"); vigil.CodeOf(err) != "maintenance_not_found" {
		t.Errorf("RemoveMaintenance again = %v", err)
	}
}

// A pause file on the host holds what only its remediator could do, as soon as
// the collector hears of it.
func TestPauseFile_IsAHoldReason(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	h := hands("local", "host-1", "backend", "web", "cache")
	h.Paused = &vigil.PauseFile{Path: "/data/pause", Reason: strings.Repeat("é", 4000)}
	w.must(w.Register(t.Context(), h))
	r := w.want(l.Remediation, vigil.Blocked)
	if r.Hold.Reason != vigil.BlockPaused || !strings.HasPrefix(r.Hold.Detail, "the pause file /data/pause of local: é") || len(r.Hold.Detail) > 1200 {
		t.Errorf("hold = %.200q, want the file's bounded words", r.Hold.Detail)
	}
	w.heldBy("web", vigil.BlockPaused)
	h.Paused = nil
	w.must(w.Register(t.Context(), h))
	if again := w.lease(); again == nil || again.Remediation != l.Remediation {
		t.Errorf("lease = %+v, want %s", again, l.Remediation)
	}
}

// A remediator that found the file only when it had the lease gives it back.
func TestPauseFile_LeaseThatCameBackWaitsAsPaused(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	w.must(w.Finish(t.Context(), flow.Report{
		Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, Code: "paused", Message: "paused by /data/pause", EndedAt: w.clock.now(),
	}))
	r := w.want(l.Remediation, vigil.Blocked)
	if r.Hold.Reason != vigil.BlockPaused {
		t.Errorf("hold = %+v, want paused", r.Hold)
	}
	if m := w.led.targets[placed.String()]; len(m.Deeds) != 0 {
		t.Errorf("deeds = %v, want none: nothing was begun", m.Deeds)
	}
	w.pass(2 * time.Second)
	if w.lease() == nil {
		t.Error("it was not tried again")
	}
}
