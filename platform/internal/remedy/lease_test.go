package remedy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestLease_CarriesAllThatTheHandsNeed(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	if l.Target != placed || l.Action != "restart-service" || l.Digest != "sha256:restart-service" || l.Fence != 1 || l.Attempt != 1 ||
		l.Tenant != "default" || len(l.Grants) != 1 || l.Timeout != secs(30) || l.Heartbeat == 0 || !l.Until.After(start.Add(30*time.Second)) {
		t.Errorf("lease = %+v", l)
	}
	if _, ok := flow.ParseTraceparent(l.Trace); !ok {
		t.Errorf("trace = %q, want a traceparent", l.Trace)
	}
	if again := w.lease(); again != nil {
		t.Errorf("leased twice: %+v", again)
	}
}

func TestLease_GoesOnlyToWhoHasTheService(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.must(w.Register(t.Context(), hands("other", "host-2", "db")))
	w.fire(cpuHigh())
	if l, err := w.Lease(t.Context(), "other", 0); l != nil || err != nil {
		t.Errorf("other host got %+v, %v", l, err)
	}
	if w.lease() == nil {
		t.Error("the owner got nothing")
	}
}

func TestRegister_ForgetsServicesThatNobodyHasAnyMore(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	had := w.Homes()
	for _, name := range []string{"blue", "green", "red"} {
		w.must(w.Register(t.Context(), hands("other", "host-2", name)))
	}
	if got, want := w.Homes(), had+2; got != want { // host-2 itself and its one service
		t.Errorf("%d things have a home, want %d", got, want)
	}
}

func TestStart_OnlyUnderTheLeaseThatStands(t *testing.T) {
	t.Parallel()
	f := func(name string, change func(l *flow.Lease)) {
		t.Helper()
		w := newWard(t)
		w.fire(cpuHigh())
		l := w.lease()
		change(l)
		if err := w.Start(t.Context(), *l); vigil.CodeOf(err) != "lease_lost" {
			t.Errorf("%s: Start = %v, want lease_lost", name, err)
		}
	}
	f("fence", func(l *flow.Lease) { l.Fence++ })
	f("attempt", func(l *flow.Lease) { l.Attempt++ })
	f("remediation", func(l *flow.Lease) { l.Remediation = "rem-other" })
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	w.must(w.Start(t.Context(), l)) // the first answer was lost
	if n := w.led.verbs("remediation.running"); n != 1 {
		t.Errorf("intent recorded %d times, want once", n)
	}
}

func TestStart_WithoutADurableIntentIsRefused(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	w.led.broken = vigil.Errorf(vigil.Internal, "storage_failed", "disk")
	if err := w.Start(t.Context(), *l); vigil.CodeOf(err) != "storage_failed" {
		t.Errorf("Start = %v, want storage_failed", err)
	}
	if r := w.want(l.Remediation, vigil.Leased); !r.Current().StartedAt.IsZero() {
		t.Error("the attempt shows a start that was never recorded")
	}
}

func TestExpiry_NeverStartedIsPlannedAgainWithAHigherFence(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	w.pass(15 * time.Second)
	again := w.lease()
	if again == nil || again.Fence <= l.Fence || again.Attempt != 1 || again.Previous != "" {
		t.Fatalf("second lease = %+v, want attempt 1, nothing before it, a higher fence", again)
	}
	if err := w.Start(t.Context(), *l); vigil.CodeOf(err) != "lease_lost" {
		t.Errorf("Start of the first lease = %v, want lease_lost", err)
	}
	w.must(w.Start(t.Context(), *again))
}

// TestHeartbeat_TellsWhatTheLeasesDigestIsGrantedNow: a grant that is taken back
// is missing at the next beat, and a newer upload of the name changes nothing.
func TestHeartbeat_TellsWhatTheLeasesDigestIsGrantedNow(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	now, err := w.Heartbeat(t.Context(), l)
	if diff := cmp.Diff(l.Grants, now.Grants); err != nil || diff != "" || len(now.Grants) == 0 {
		t.Errorf("Heartbeat: %v, grants (-lease +now):\n%s", err, diff)
	}
	w.revoked.Store(true)
	if now, err := w.Heartbeat(t.Context(), l); err != nil || now.Cancel || now.Grants == nil || len(now.Grants) != 0 {
		t.Errorf("Heartbeat after a revocation = %+v, %v, want no grant", now, err)
	}
}

func TestExpiry_IdempotentActionIsStartedOnceMoreAndToldSo(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	for range 5 { // heartbeats keep it
		w.pass(10 * time.Second)
		if now, err := w.Heartbeat(t.Context(), l); err != nil || now.Cancel != (w.clock.now().Sub(start) > 30*time.Second) {
			t.Fatalf("Heartbeat after %s = %v, %v", w.clock.now().Sub(start), now, err)
		}
	}
	w.pass(15 * time.Second)
	again := w.begin()
	if again.Attempt != 2 || again.Previous != "unknown" {
		t.Errorf("second attempt = %d, previous %q, want 2, unknown", again.Attempt, again.Previous)
	}
	if now, err := w.Heartbeat(t.Context(), l); !now.Cancel || vigil.KindOf(err) != vigil.Conflict {
		t.Errorf("Heartbeat of the first = %v, %v, want to stop and a conflict", now, err)
	}
	w.pass(15 * time.Second)
	w.want(l.Remediation, vigil.Unknown)
}

func TestExpiry_OtherActionStaysUnknownForAPerson(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook[0].Action = "careful"
	w.fire(p)
	l := w.begin()
	w.pass(15 * time.Second)
	w.want(l.Remediation, vigil.Unknown)
	for range 2 { // also after a restart
		w.pass(time.Second)
		w.fire(p)
		if w.lease() != nil || len(w.led.rows) != 1 {
			t.Fatal("a policy acted on a target where an action may still be running")
		}
		w.reopen()
	}
	w.must(w.Approve(t.Context(), l.Remediation, "ann", 0))
	w.fire(p)
	again := w.run()
	if again.Attempt != 2 || again.Previous != "unknown" {
		t.Errorf("approved attempt = %d, previous %q, want 2, unknown", again.Attempt, again.Previous)
	}
}

func TestExpiry_PersonsDeedFreesAnUnknownTarget(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook[0].Action = "careful"
	w.fire(p)
	w.begin()
	w.pass(15 * time.Second)
	w.restart("backend")
	w.pass(30 * time.Second)
	w.fire(p)
	if w.lease() == nil {
		t.Error("still held after a person acted")
	}
}

func TestLateReport_EndsTheDoubt(t *testing.T) {
	t.Parallel()
	f := func(name string, want vigil.State, change func(rep *flow.Report)) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		p.Runbook[0].Action = "careful"
		w.fire(p)
		l := w.begin()
		w.pass(20 * time.Second)
		w.want(l.Remediation, vigil.Unknown)
		rep := w.report(l, true)
		change(&rep)
		w.must(w.Finish(t.Context(), rep))
		w.want(l.Remediation, want)
	}
	f("it went well", vigil.Verifying, func(*flow.Report) {})
	f("it failed", vigil.Failed, func(rep *flow.Report) { rep.OK = false })
	f("it never began", vigil.Failed, func(rep *flow.Report) { rep.OK, rep.Started = false, false })
}

func TestDeadline_EndsAnActionThatBeatsOn(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	for range 7 {
		w.pass(10 * time.Second)
		_, _ = w.Heartbeat(t.Context(), l) // the last one comes too late
	}
	w.want(l.Remediation, vigil.TimedOut)
	w.pass(time.Second)
	w.fire(cpuHigh())
	if w.lease() != nil {
		t.Error("acted while the action may still be running")
	}
}

func TestFinish_UnusedLeaseWaitsAndIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.lease()
	w.must(w.Finish(t.Context(), flow.Report{Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, Code: "module_compile"}))
	if r := w.want(l.Remediation, vigil.Blocked); r.Hold.Reason != vigil.BlockBackoff {
		t.Errorf("hold = %+v, want backoff", r.Hold)
	}
	w.pass(time.Second)
	again := w.lease()
	if again == nil || again.Attempt != 1 || again.Fence <= l.Fence {
		t.Errorf("second lease = %+v, want attempt 1 with a higher fence", again)
	}
	if n := len(w.led.targets[placed.String()].Deeds); n != 0 {
		t.Errorf("%d deeds counted, want none: nothing happened", n)
	}
}

func TestConflict_ReloadsWhatTheLedgerHolds(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	id := w.led.newest(t, 0).ID
	r := w.led.rows[id]
	r.Version += 5
	w.led.rows[id] = r
	_, err := w.Lease(t.Context(), "local", 0)
	if vigil.KindOf(err) != vigil.Conflict {
		t.Fatalf("Lease = %v, want a conflict", err)
	}
	if w.lease() == nil {
		t.Error("nothing to lease after the reload")
	}
}

func TestStorageFailure_ChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.led.broken = errors.New("disk on fire")
	if err := w.Fired(t.Context(), w.firing(cpuHigh())); err == nil {
		t.Error("Fired went well without a disk")
	}
	w.led.broken = nil
	if l := w.lease(); l != nil {
		t.Errorf("leased what was never recorded: %+v", l)
	}
	w.fire(cpuHigh())
	if w.lease() == nil {
		t.Error("did not recover")
	}
}

func TestFinish_RecordsWhatAGrantDidNotAllow(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.fire(cpuHigh())
	l := w.begin()
	rep := w.report(l, false)
	rep.Calls = []vigil.HostCall{
		{Op: "service.status", Target: "service:web"},
		{Op: "service.stop", Target: "service:web", Code: "capability_denied"},
		{Op: "service.restart", Target: "service:web", Code: "budget_exhausted"},
		{Op: "service.restart", Target: "service:web", Code: "service_down"},
		{Op: "http.request", Target: "service:web", Code: "egress_denied"},
		{Op: "command.run", Target: "service:web", Code: "arg_denied"},
	}
	w.must(w.Finish(t.Context(), rep))
	w.must(w.Finish(t.Context(), rep)) // told again
	if n := w.led.verbs("capability.denied"); n != 4 {
		t.Fatalf("%d records of refusals, want 4", n)
	}
	for _, r := range w.led.audit {
		if r.Verb == "capability.denied" && (r.Object != l.Remediation || r.Target != "service:web" || r.By != "remediator:local" || r.To == "" || r.To == "service_down") {
			t.Errorf("record %+v", r)
		}
	}
}
