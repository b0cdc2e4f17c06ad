package remedy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func wish(service string) flow.Wish {
	return flow.Wish{By: "local", Target: vigil.Target{Kind: "service", Name: service}, Action: "restart-service"}
}

func TestRequest_NamesWhatIsKnownOrMissing(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	_, err := w.Request(t.Context(), wish("nosuch"))
	want := "no remediator has service:nosuch; there are: service:backend@host-1, service:cache@host-1, service:web@host-1"
	if vigil.KindOf(err) != vigil.NotFound || err.Error() != want {
		t.Errorf("Request = %v, want %s", err, want)
	}
	bad := wish("web")
	bad.Action = "missing"
	if _, err := w.Request(t.Context(), bad); vigil.CodeOf(err) != "module_not_found" {
		t.Errorf("Request of an unknown action = %v, want module_not_found", err)
	}
}

func TestRequest_HeldSaysWhyAndIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	_, err := w.Request(t.Context(), wish("web"))
	w.must(err)
	_, err = w.Request(t.Context(), wish("web"))
	e := vigil.AsError(err)
	if e.Kind != vigil.Held || e.Code != "held" || e.Fields["reason"] != vigil.BlockTargetBusy {
		t.Errorf("Request of a busy service = %v %v, want held by target_busy", err, e.Fields)
	}
	if n := w.led.verbs("remediation.held"); n != 1 {
		t.Errorf("recorded %d times, want once", n)
	}
}

func TestRequest_SameKeyIsTheSameRemediation(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	k := wish("web")
	k.Key = "k1"
	first, err := w.Request(t.Context(), k)
	w.must(err)
	w.run()
	w.pass(time.Minute)
	again, err := w.Request(t.Context(), k)
	w.must(err)
	if again.ID != first.ID {
		t.Errorf("second = %s, want %s", again.ID, first.ID)
	}
	k.Target.Name = "cache"
	if _, err := w.Request(t.Context(), k); vigil.CodeOf(err) != "idempotency_key_reused" {
		t.Errorf("same key, other wish = %v, want idempotency_key_reused", err)
	}
}

func TestRequest_WaitsForAVerificationToEnd(t *testing.T) {
	t.Parallel()
	f := func(name string, verify time.Duration, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := newWard(t)
			p := cpuHigh()
			p.Verify.Window = vigil.Duration(verify)
			w.fire(p)
			w.run()
			got := make(chan error)
			go func() {
				_, err := w.Request(t.Context(), wish("backend"))
				got <- err
			}()
			synctest.Wait()
			w.pass(10 * time.Second)
			if err := <-got; vigil.CodeOf(err) != want {
				t.Errorf("%s: Request = %v, want code %q", name, err, want)
			}
		})
	}
	f("ends in time", 10*time.Second, "")
	f("takes too long", time.Hour, "held")
}

func TestSuggest_AsksAndStartsOnce(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Mode = vigil.Suggest
	w.fire(p)
	r := w.led.newest(t, 0)
	w.want(r.ID, vigil.AwaitingApproval)
	if w.lease() != nil {
		t.Fatal("started without approval")
	}
	w.must(w.Approve(t.Context(), r.ID, "ann", 0))
	if err := w.Approve(t.Context(), r.ID, "ann", 0); vigil.KindOf(err) != vigil.Conflict {
		t.Errorf("second Approve = %v, want a conflict", err)
	}
	if w.lease() == nil {
		t.Error("not started after approval")
	}
}

func TestSuggest_DeniedOrExpiredNeverStarts(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Mode = vigil.Suggest
	w.fire(p)
	r := w.led.newest(t, 0)
	w.must(w.Deny(t.Context(), r.ID, "ann"))
	w.want(r.ID, vigil.Cancelled)
	if err := w.Deny(t.Context(), r.ID, "ann"); vigil.CodeOf(err) != "remediation_ended" {
		t.Errorf("second Deny = %v, want remediation_ended", err)
	}
	if err := w.Deny(t.Context(), "rem-nosuch", "ann"); vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("Deny of nothing = %v, want not found", err)
	}
	w.pass(time.Second)
	w.fire(p)
	if n := len(w.led.rows); n != 1 {
		t.Errorf("%d remediations, want 1: a person said no to this episode", n)
	}
	next := w.firing(p)
	next.Episode.ID = "ep-2"
	w.must(w.Fired(t.Context(), next))
	r = w.led.newest(t, 0)
	w.pass(11 * time.Minute) // and nothing more is heard of it
	w.want(r.ID, vigil.Skipped)
}

func TestRefusal_OfAnEpisodeSurvivesARestart(t *testing.T) {
	t.Parallel()
	f := func(name string, mode vigil.Mode, say func(w *ward, id string) error, confirmed bool) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		p.Mode = mode
		w.fire(p)
		id := w.led.newest(t, 0).ID
		if !confirmed { // the person speaks before the policy does
			w.reopen()
		}
		w.must(say(w, id))
		if confirmed {
			w.reopen()
		}
		w.pass(time.Second)
		w.fire(p)
		if n := len(w.led.rows); n != 1 {
			t.Errorf("%s: %d remediations, want 1: a person said no to this episode", name, n)
		}
		w.must(w.Cleared(t.Context(), p.Name, backend, w.clock.now()))
		next := w.firing(p)
		next.Episode.ID = "ep-2"
		w.must(w.Fired(t.Context(), next))
		if n := len(w.led.rows); n != 2 {
			t.Errorf("%s: %d remediations, want 2: nobody said no to the next episode", name, n)
		}
	}
	deny := func(w *ward, id string) error { return w.Deny(t.Context(), id, "ann") }
	cancel := func(w *ward, id string) error { return w.Cancel(t.Context(), id, "ann") }
	f("denied", vigil.Suggest, deny, true)
	f("cancelled", vigil.Auto, cancel, true)
	f("cancelled after the restart", vigil.Auto, cancel, false)
}

func TestCancel_EndsWhatWasAgreedToButNeverBegan(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	w.must(w.Cancel(t.Context(), l.Remediation, "ann"))
	w.must(w.Finish(t.Context(), flow.Report{Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, Code: "timeout"}))
	w.want(l.Remediation, vigil.Cancelled)
	w.pass(time.Minute)
	if again := w.lease(); again != nil {
		t.Errorf("leased %+v after a person cancelled it", again)
	}
}

func TestCancel_EndsWhatWaitsAndAsksWhatRuns(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	r, err := w.Request(t.Context(), wish("web"))
	w.must(err)
	l := w.lease()
	w.must(w.Cancel(t.Context(), r.ID, "ann"))
	w.want(r.ID, vigil.Cancelled)
	if err := w.Start(t.Context(), *l); vigil.CodeOf(err) != "lease_lost" {
		t.Errorf("Start after cancel = %v, want lease_lost", err)
	}
	_, err = w.Request(t.Context(), wish("web"))
	w.must(err)
	running := w.begin()
	w.must(w.Cancel(t.Context(), running.Remediation, "ann"))
	if now, err := w.Heartbeat(t.Context(), running); !now.Cancel || err != nil {
		t.Errorf("Heartbeat = %v, %v, want to stop", now, err)
	}
	w.must(w.Finish(t.Context(), w.report(running, false)))
	w.want(running.Remediation, vigil.Failed)
}

func TestCancel_StopsTheEscalation(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook = append(p.Runbook, vigil.Step{Action: "fail-over"})
	w.fire(p)
	l := w.begin()
	w.must(w.Cancel(t.Context(), l.Remediation, "ann"))
	w.must(w.Finish(t.Context(), w.report(l, false)))
	w.want(l.Remediation, vigil.Failed)
}

func TestKillSwitch_NothingNewStartsUntilItIsLifted(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	_, err := w.Request(t.Context(), wish("web"))
	w.must(err)
	running := w.begin()
	w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann", Reason: "incident"}))
	w.want(l.Remediation, vigil.Blocked)
	if err := w.Start(t.Context(), *l); err == nil {
		t.Error("started under the kill switch")
	}
	if now, _ := w.Heartbeat(t.Context(), running); !now.Cancel {
		t.Error("what runs is not asked to stop")
	}
	if _, err := w.Request(t.Context(), wish("cache")); vigil.AsError(err).Fields["reason"] != vigil.BlockKillSwitch {
		t.Errorf("Request = %v, want held by kill_switch", err)
	}
	w.reopen()
	if !w.KillSwitch().Engaged {
		t.Fatal("a restart lifted the kill switch")
	}
	w.fire(cpuHigh())
	w.pass(time.Second)
	if w.lease() != nil {
		t.Error("leased under the kill switch")
	}
	w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{By: "ann"}))
	if again := w.lease(); again == nil || again.Remediation != l.Remediation {
		t.Errorf("after lifting: %+v, want %s", again, l.Remediation)
	}
}
