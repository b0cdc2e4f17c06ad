package remedy_test

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// undoing is a policy of two steps, both of which say how they are taken back.
func undoing() flow.PolicyRow {
	p := cpuHigh()
	p.Runbook[0].Undo = &vigil.Step{Action: "warm-up", Timeout: secs(30)}
	p.Runbook = append(p.Runbook, vigil.Step{Action: "drain", Timeout: secs(30), Undo: &vigil.Step{Action: "undrain", With: []byte(`{"host":"{{target.host}}"}`), Timeout: secs(30)}})
	return p
}

// fail has what runs end well and the target stay bad.
func (w *ward) fail(p flow.PolicyRow) flow.Lease {
	w.t.Helper()
	l := w.run()
	for range 3 {
		w.pass(4 * time.Second)
		w.judge(p, vigil.VerdictFire)
	}
	return l
}

// What did not help is taken back in the change that ends it, as a remediation of
// its own with an intent of its own, which a crash in between cannot lose.
func TestUndo_FollowsAFailedVerification(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := undoing()
	w.fire(p)
	w.fail(p)
	if n := len(w.led.rows); n != 1 {
		t.Fatalf("%d remediations while there is a next step, want one", n)
	}
	of := w.fail(p)
	w.reopen() // the collector dies right after that change
	undo := w.led.newest(t, 0)
	if undo.Origin != vigil.FromUndo || undo.Undoes != of.Remediation || undo.State != vigil.Planned || undo.Target != placed || w.want(of.Remediation, vigil.Failed).HandOff == nil {
		t.Fatalf("planned: %+v", undo)
	}
	l := w.begin()
	if l.Action != "undrain" || string(l.With) != `{"host":"host-1"}` || l.Remediation != undo.ID {
		t.Errorf("leased: %+v", l)
	}
	if a := w.want(undo.ID, vigil.Running).Attempts; len(a) != 1 || a[0].StartedAt.IsZero() {
		t.Errorf("no intent before the effect: %+v", a)
	}
	w.reopen() // and once it runs
	w.clock.add(time.Second)
	w.must(w.Finish(t.Context(), w.report(l, false)))
	w.want(undo.ID, vigil.Failed)
	if n := len(w.led.rows); n != 2 {
		t.Errorf("%d remediations, want 2: an undo is not undone", n)
	}
	if m := w.led.targets[placed.String()]; m.Failures != 1 {
		t.Errorf("%d failures of the target are counted, want the policy's own", m.Failures)
	}
}

// A brake holds an undo like any action, a breaker does not.
func TestUndo_IsHeldByBrakesAndNotByTheBreaker(t *testing.T) {
	t.Parallel()
	f := func(name string, want vigil.State, brake func(w *ward)) {
		t.Helper()
		w := newWard(t)
		p := undoing()
		p.Guards.TripAfter = 1 // it trips with this very failure
		w.fire(p)
		w.fail(p)
		w.approve(t)
		w.fail(p)
		undo := w.led.newest(t, 0)
		if b, _ := w.Breakers(t.Context()); len(b) != 1 || undo.Origin != vigil.FromUndo {
			t.Fatalf("%s: breakers %v, newest %+v", name, b, undo)
		}
		brake(w)
		if l := w.lease(); (l != nil) != (want == vigil.Leased) {
			t.Errorf("%s: leased %+v", name, l)
		}
		w.want(undo.ID, want)
	}
	f("nothing but the breaker", vigil.Leased, func(*ward) {})
	f("kill switch", vigil.Blocked, func(w *ward) {
		w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann"}))
	})
	f("a pause of the policy", vigil.Blocked, func(w *ward) {
		_, err := w.Pause(t.Context(), vigil.Pause{Holder: "ann", By: "ann", Reason: "new disks", Scope: vigil.Scope{Policy: "cpu-high"}}, 0)
		w.must(err)
	})
	f("no grant any more", vigil.Blocked, func(w *ward) { w.revoked.Store(true) })
}

// approve lets what awaits approval go on.
func (w *ward) approve(t *testing.T) {
	t.Helper()
	for id, r := range w.led.rows {
		if r.State == vigil.AwaitingApproval {
			w.must(w.Approve(t.Context(), id, "ann", 0))
			return
		}
	}
}

func TestUndo_APersonMayAskForItOnce(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := undoing()
	w.fire(p)
	of := w.begin()
	if _, err := w.Undo(t.Context(), of.Remediation, "ann"); vigil.CodeOf(err) != "remediation_state" {
		t.Errorf("while it runs: %v", err)
	}
	w.clock.add(time.Second)
	w.must(w.Finish(t.Context(), w.report(of, true)))
	for range 2 {
		w.pass(3 * time.Second)
		w.judge(p, vigil.VerdictOK)
	}
	w.want(of.Remediation, vigil.Healed)
	w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann"}))
	if _, err := w.Undo(t.Context(), of.Remediation, "ann"); vigil.KindOf(err) != vigil.Held || vigil.AsError(err).Fields["reason"] != vigil.BlockKillSwitch {
		t.Errorf("under the kill switch: %v", err)
	}
	w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{By: "ann"}))
	undo, err := w.Undo(t.Context(), of.Remediation, "ann")
	if err != nil || undo.By != "ann" || undo.Undoes != of.Remediation || undo.Runbook[0].Action != "warm-up" {
		t.Fatalf("Undo = %+v, %v", undo, err)
	}
	l := w.run()
	if _, err := w.Undo(t.Context(), of.Remediation, "ann"); vigil.CodeOf(err) != "already_undone" {
		t.Errorf("a second time: %v", err)
	}
	w.pass(3 * time.Second)
	w.observe("backend", 1, 42)
	w.want(l.Remediation, vigil.Healed)
	if _, err := w.Undo(t.Context(), l.Remediation, "ann"); vigil.CodeOf(err) != "nothing_to_undo" {
		t.Errorf("of an undo: %v", err)
	}
	if _, err := w.Undo(t.Context(), "rem-nosuch", "ann"); vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("of nothing: %v", err)
	}
}
