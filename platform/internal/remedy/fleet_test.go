package remedy_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// webs is the policy of a fleet of web servers, one on each host, in one group.
func webs() flow.PolicyRow {
	p := cpuHigh()
	p.Name, p.Target = "webs", "service:web" // each firing names its own
	g := vigil.DefaultPolicy().Guards
	g.Cooldown, g.Warmup, g.Budget, g.Rate, g.Backoff = 0, 0, vigil.Rate{}, vigil.Rate{}, vigil.Backoff{}
	p.Guards = g
	return p
}

func onHost(n int) vigil.Target {
	return vigil.Target{Kind: "service", Name: "web", Host: fmt.Sprintf("h%04d", n)}
}

// firingOn is webs on one host, with a census of its group.
func (w *ward) firingOn(p flow.PolicyRow, t vigil.Target, c flow.Census) flow.Firing {
	f := w.firing(p)
	f.Episode.Target, f.Episode.ID = t, "ep-"+p.Name+"-"+t.String()
	f.Series.Labels = vigil.Labels{"host": t.Host}
	if c.Group == "" {
		c.Group = "env=prod"
	}
	f.Census = c
	return f
}

// fleet has remediators on n hosts, each with a web server.
func newFleet(t *testing.T, n int) *ward {
	t.Helper()
	w := newWard(t)
	w.crew = n
	w.enlist()
	return w
}

func (w *ward) enlist() {
	w.t.Helper()
	for i := range w.crew {
		w.must(w.Register(w.t.Context(), hands(onHost(i).Host, onHost(i).Host, "web", "db", "db-main", "vigil-agent")))
	}
}

func (w *ward) fireOn(p flow.PolicyRow, t vigil.Target, c flow.Census) {
	w.t.Helper()
	w.must(w.Fired(w.t.Context(), w.firingOn(p, t, c)))
}

// take leases what is ready for a host, nil when nothing is.
func (w *ward) take(t vigil.Target) *flow.Lease {
	w.t.Helper()
	l, err := w.Lease(w.t.Context(), t.Host, 0)
	w.must(err)
	return l
}

// treat runs the action on a target that is planned, and ends it.
func (w *ward) treat(t vigil.Target, ok bool) flow.Lease {
	w.t.Helper()
	l := w.take(t)
	if l == nil {
		w.t.Fatalf("nothing to lease for %s", t)
	}
	w.must(w.Start(w.t.Context(), *l))
	w.clock.add(time.Millisecond)
	w.must(w.Finish(w.t.Context(), w.report(*l, ok)))
	return *l
}

func (w *ward) heal(p flow.PolicyRow, t vigil.Target, c flow.Census) {
	w.t.Helper()
	w.clock.add(3 * time.Second)
	for range 2 {
		now := w.clock.now()
		w.must(w.Judged(w.t.Context(), flow.Judged{Policy: p.Name, Target: t, Verdict: vigil.VerdictOK, SampleAt: now, ReceivedAt: now, Census: c}))
		w.clock.add(3 * time.Second)
	}
	w.must(w.Cleared(w.t.Context(), p.Name, t, w.clock.now()))
}

// wantHeld wants that the last word on a target was this reason.
func (w *ward) wantHeld(t vigil.Target, want vigil.BlockReason) {
	w.t.Helper()
	w.led.mu.Lock()
	defer w.led.mu.Unlock()
	last := vigil.Hold{Reason: "nothing"}
	for _, rec := range w.led.audit {
		if rec.Target == t.String() {
			last = vigil.Hold{Reason: vigil.BlockReason(rec.To)}
			_ = json.Unmarshal(rec.Detail, &last) // what blocks a remediation is in its detail
		}
	}
	if last.Reason != want {
		w.t.Errorf("the last word on %s is %q, want %s", t, last.Reason, want)
	}
}

func TestFleet_NoMoreThanTheCapIsTreated(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 20)
	c := flow.Census{Known: 20, Unhealthy: 5}
	for i := range 5 {
		w.fireOn(webs(), onHost(i), c)
	}
	first, second := w.take(onHost(0)), w.take(onHost(1))
	if first == nil || second == nil {
		t.Fatal("two of twenty may be treated")
	}
	if l := w.take(onHost(2)); l != nil {
		t.Fatalf("a third was leased: %+v", l)
	}
	w.wantHeld(onHost(2), vigil.BlockConcurrent)
	w.must(w.Start(t.Context(), *first))
	w.must(w.Finish(t.Context(), w.report(*first, true)))
	if l := w.take(onHost(2)); l != nil {
		t.Fatal("what is verified counts no more")
	}
	w.heal(webs(), onHost(0), c)
	w.fireOn(webs(), onHost(2), c)
	if l := w.take(onHost(2)); l == nil {
		t.Fatal("what healed counts still")
	}
}

// An executor that vanished may still act, and a treatment whose end nobody saw
// is not over: both count, also after a restart.
func TestFleet_CountsWhatIsUnknownOrUnproven(t *testing.T) {
	t.Parallel()
	f := func(name string, end func(w *ward, l flow.Lease)) {
		t.Helper()
		w := newFleet(t, 10) // a cap of one
		p, c := webs(), flow.Census{Known: 10, Unhealthy: 2}
		p.Runbook[0].Action = "careful"
		w.fireOn(p, onHost(0), c)
		l := w.take(onHost(0))
		w.must(w.Start(t.Context(), *l))
		end(w, *l)
		w.reopen()
		w.enlist()
		w.fireOn(p, onHost(1), c)
		w.wantHeld(onHost(1), vigil.BlockConcurrent)
		w.must(w.Cancel(t.Context(), l.Remediation, "ann")) // a person closes it, or:
	}
	f("unknown", func(w *ward, _ flow.Lease) { w.pass(time.Minute) })

	w := newFleet(t, 10)
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 2}
	w.fireOn(p, onHost(0), c)
	l := w.treat(onHost(0), true)
	w.pass(11 * time.Second) // no sample came
	w.want(l.Remediation, vigil.Inconclusive)
	w.reopen()
	w.enlist()
	w.fireOn(p, onHost(1), c)
	w.wantHeld(onHost(1), vigil.BlockConcurrent)
	now := w.clock.now()
	w.must(w.Judged(t.Context(), flow.Judged{Policy: p.Name, Target: onHost(0), Verdict: vigil.VerdictOK, SampleAt: now, ReceivedAt: now}))
	w.fireOn(p, onHost(1), c)
	if w.take(onHost(1)) == nil {
		t.Error("a target that was seen to be well counts still")
	}
}

func TestFleet_MinHealthyHolds(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 4)
	p := webs()
	p.Guards.MinHealthy, p.Guards.Storm = vigil.Share{N: 50, Percent: true}, vigil.Storm{}
	w.fireOn(p, onHost(0), flow.Census{Known: 4, Unhealthy: 2, Silent: 1})
	w.wantHeld(onHost(0), vigil.BlockMinHealthy)
	w.fireOn(p, onHost(0), flow.Census{Known: 4, Unhealthy: 2})
	if w.take(onHost(0)) == nil {
		t.Error("half are healthy, and it is held")
	}
}

// A bucket's tokens are taken as attempts are handed out; shadow takes none, a
// restart gives none back.
func TestFleet_RateHoldsAcrossPoliciesAndRestarts(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	w.fleet.Rate = vigil.Rate{N: 3, Per: secs(3600)}
	w.reopen()
	w.enlist()
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 1}
	p.Guards.Rate, p.Guards.MaxConcurrent = vigil.Rate{N: 2, Per: secs(3600)}, vigil.Share{}
	other, shadow := p, p
	other.Name, shadow.Name, shadow.Mode = "other", "shadow", vigil.Shadow
	w.fireOn(shadow, onHost(9), c)
	for i := range 2 {
		w.fireOn(p, onHost(i), c)
		w.treat(onHost(i), true)
	}
	w.reopen()
	w.enlist()
	w.fireOn(p, onHost(2), c)
	w.wantHeld(onHost(2), vigil.BlockRate)
	w.fireOn(other, onHost(3), c)
	w.treat(onHost(3), true)
	w.fireOn(other, onHost(4), c)
	w.wantHeld(onHost(4), vigil.BlockRate) // three of all policies together
	w.clock.add(20 * time.Minute)
	w.fireOn(other, onHost(4), c)
	if w.take(onHost(4)) == nil {
		t.Error("a third of the hour gave no token back")
	}
}

func TestFleet_BackoffGrowsUntilItHeals(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 1}
	p.Guards.Backoff, p.Guards.TripAfter, p.Guards.Ineffective = vigil.Backoff{First: secs(60), Most: secs(600)}, 0, 0
	for i, wait := range []float64{60, 120, 240, 480, 600, 600} {
		w.fireOn(p, onHost(0), c)
		w.treat(onHost(0), false)
		w.clock.add(secs(wait - 1).D())
		if i == 2 {
			w.reopen()
			w.enlist()
		}
		w.fireOn(p, onHost(0), c)
		w.wantHeld(onHost(0), vigil.BlockBackoff)
		w.clock.add(time.Second)
	}
	w.fireOn(p, onHost(0), c)
	w.treat(onHost(0), true)
	w.heal(p, onHost(0), c)
	w.fireOn(p, onHost(0), c)
	if w.take(onHost(0)) == nil {
		t.Error("it healed and still waits")
	}
}

func TestFleet_IneffectiveIsLeftToAPerson(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 1}
	for range 3 {
		w.fireOn(p, onHost(0), c)
		w.treat(onHost(0), true)
		w.clock.add(3 * time.Second)
		now := w.clock.now()
		w.must(w.Judged(t.Context(), flow.Judged{Policy: p.Name, Target: onHost(0), Verdict: vigil.VerdictFire, SampleAt: now, ReceivedAt: now}))
		w.pass(8 * time.Second)
	}
	w.reopen()
	w.enlist()
	w.fireOn(p, onHost(0), c)
	w.wantHeld(onHost(0), vigil.BlockNoHelp)
	if all, _ := w.Breakers(t.Context()); len(all) != 1 || all[0].Why != vigil.WhyIneffective || *all[0].Target != onHost(0) {
		t.Errorf("breakers = %+v", all)
	}
	w.must(w.ResetBreaker(t.Context(), p.Name, "ann"))
	if w.take(onHost(0)) == nil {
		t.Error("a person reset it, and the present was not looked at")
	}
	if err := w.ResetBreaker(t.Context(), p.Name, "ann"); vigil.CodeOf(err) != "breaker_closed" {
		t.Errorf("a second reset = %v", err)
	}
}

// The same action failing on three targets stops the policy everywhere: what
// waits asks a person, and applying the policy again changes nothing.
func TestBreaker_FailuresOfOneActionStopThePolicy(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 2}
	p.Guards.MaxConcurrent = vigil.Share{}
	for i := range 5 {
		w.fireOn(p, onHost(i), c)
	}
	leased := w.take(onHost(4))
	for i := range 2 {
		w.treat(onHost(i), false)
	}
	w.fireOn(p, onHost(0), c)
	w.treat(onHost(0), false) // twice on one target is one target
	if n := w.led.verbs("breaker.tripped"); n != 0 {
		t.Fatalf("tripped %d times by two targets", n)
	}
	w.treat(onHost(2), false)
	if n := w.led.verbs("breaker.tripped"); n != 1 {
		t.Fatalf("tripped %d times, want once", n)
	}
	w.want(leased.Remediation, vigil.AwaitingApproval)
	if err := w.Start(t.Context(), *leased); vigil.CodeOf(err) != "lease_lost" {
		t.Errorf("start of what was demoted = %v", err)
	}
	waiting := w.led.newest(t, 2)
	if waiting.Target != onHost(3) || waiting.State != vigil.AwaitingApproval {
		t.Fatalf("what was planned is %s", waiting.State)
	}
	w.reopen()
	w.enlist()
	again := p
	again.Revision++
	w.fireOn(again, onHost(7), c)
	if r := w.led.newest(t, 0); r.Target != onHost(7) || r.State != vigil.AwaitingApproval {
		t.Fatalf("after a restart and another revision it is %s of %s, want a suggestion", r.State, r.Target)
	}
	// A person may approve one, and reset all.
	w.must(w.Approve(t.Context(), w.led.newest(t, 0).ID, "ann", 0))
	w.treat(onHost(7), true)
	w.heal(again, onHost(7), c)
	for _, i := range []int{3, 4} {
		w.fireOn(p, onHost(i), c)
	}
	w.must(w.ResetBreaker(t.Context(), p.Name, "ann"))
	w.want(waiting.ID, vigil.Skipped)
	if l := w.take(onHost(3)); l == nil || l.Remediation == waiting.ID {
		t.Errorf("after the reset the present gives %+v, want a new remediation", l)
	}
}

// What ran when the breaker tripped may end, but nothing more starts by itself.
func TestBreaker_WhatRanGoesOnOnlyWithAPersonsWord(t *testing.T) {
	t.Parallel()
	f := func(name string, end func(w *ward, l flow.Lease)) {
		t.Helper()
		w := newFleet(t, 10)
		p, c := webs(), flow.Census{Known: 10, Unhealthy: 2}
		p.Guards.MaxConcurrent, p.Runbook = vigil.Share{}, append(p.Runbook, p.Runbook...)
		for i := range 4 {
			w.fireOn(p, onHost(i), c)
		}
		l := w.take(onHost(3))
		w.must(w.Start(t.Context(), *l))
		for i := range 3 {
			w.treat(onHost(i), false)
		}
		if n := w.led.verbs("breaker.tripped"); n != 1 {
			t.Fatalf("%s: tripped %d times, want once", name, n)
		}
		w.want(l.Remediation, vigil.Running)
		w.clock.add(time.Second)
		end(w, *l)
		w.want(l.Remediation, vigil.AwaitingApproval)
		w.pass(time.Minute)
		if again := w.take(onHost(3)); again != nil {
			t.Errorf("%s: %+v was handed out by itself", name, again)
		}
	}
	f("its step failed", func(w *ward, l flow.Lease) { w.must(w.Finish(t.Context(), w.report(l, false))) })
	f("it never began", func(w *ward, l flow.Lease) {
		rep := w.report(l, false)
		rep.Started = false
		w.must(w.Finish(t.Context(), rep))
	})
	f("its executor vanished", func(w *ward, _ flow.Lease) { w.pass(time.Minute) })
}

// A person's stop and the kill switch say nothing of the action.
func TestBreaker_WhatAPersonStoppedIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, c := webs(), flow.Census{Known: 10, Unhealthy: 2}
	p.Guards.MaxConcurrent, p.Guards.Ineffective = vigil.Share{}, 1
	for i := range 4 {
		w.fireOn(p, onHost(i), c)
		l := w.take(onHost(i))
		w.must(w.Start(t.Context(), *l))
		w.must(w.Cancel(t.Context(), l.Remediation, "ann"))
		w.must(w.Finish(t.Context(), w.report(*l, false)))
		w.want(l.Remediation, vigil.Failed)
	}
	if all, _ := w.Breakers(t.Context()); len(all) > 0 {
		t.Errorf("breakers = %+v", all)
	}
}

func TestStorm_StopsTheGroupUntilItHasBeenCalm(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p, fine, bad := webs(), flow.Census{Known: 10, Unhealthy: 3}, flow.Census{Known: 10, Unhealthy: 3, Silent: 1}
	p.Guards.MaxConcurrent = vigil.Share{}
	w.fireOn(p, onHost(0), fine)
	running := w.take(onHost(0))
	w.must(w.Start(t.Context(), *running))
	w.fireOn(p, onHost(1), fine)
	leased := w.take(onHost(1))
	w.fireOn(p, onHost(2), bad)
	w.wantHeld(onHost(2), vigil.BlockBreaker)
	if err := w.Start(t.Context(), *leased); vigil.KindOf(err) != vigil.Held {
		t.Errorf("a start in the storm = %v, want it held", err)
	}
	// Another policy of the group is stopped too; one of another group is not.
	other := p
	other.Name = "other"
	w.fireOn(other, onHost(3), fine)
	w.wantHeld(onHost(3), vigil.BlockBreaker)
	w.fireOn(other, onHost(4), flow.Census{Group: "env=dev", Known: 10, Unhealthy: 1})
	if w.take(onHost(4)) == nil {
		t.Error("another group is stopped too")
	}
	// What runs goes on, is verified and heals.
	w.must(w.Finish(t.Context(), w.report(*running, true)))
	w.heal(p, onHost(0), flow.Census{Group: "env=prod", Known: 10, Unhealthy: 4})
	w.want(running.Remediation, vigil.Healed)

	all, _ := w.Breakers(t.Context())
	if len(all) != 1 || all[0].Group != "env=prod" || all[0].State != vigil.BreakerTripped {
		t.Fatalf("breakers = %+v", all)
	}
	w.reopen() // durable
	w.enlist()
	w.fireOn(p, onHost(2), flow.Census{Known: 10, Unhealthy: 1, Unheard: 3}) // nobody knows yet
	if all, _ := w.Breakers(t.Context()); all[0].State != vigil.BreakerTripped {
		t.Fatalf("calm although three have not been heard of: %+v", all)
	}
	w.fireOn(p, onHost(2), fine) // below: calm begins
	w.clock.add(299 * time.Second)
	w.fireOn(p, onHost(2), bad) // and begins anew
	w.fireOn(p, onHost(2), fine)
	w.clock.add(299 * time.Second)
	w.must(w.Tick(t.Context()))
	if l := w.take(onHost(2)); l != nil {
		t.Fatal("started before it was calm for five minutes")
	}
	w.clock.add(time.Second)
	w.must(w.Tick(t.Context()))
	w.fireOn(p, onHost(2), fine)
	if w.take(onHost(2)) == nil {
		t.Error("calm for five minutes, and still stopped")
	}
	if n := w.led.verbs("breaker.tripped"); n != 1 {
		t.Errorf("the trip is recorded %d times, want once", n)
	}
}

func TestStorm_ShadowMovesNoBreaker(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 10)
	p := webs()
	p.Mode = vigil.Shadow
	w.fireOn(p, onHost(0), flow.Census{Known: 10, Unhealthy: 9})
	w.wantHeld(onHost(0), vigil.BlockShadow)
	if all, _ := w.Breakers(t.Context()); len(all) > 0 {
		t.Errorf("breakers = %+v", all)
	}
	auto := webs()
	auto.Name = "auto"
	w.fireOn(auto, onHost(1), flow.Census{Known: 10, Unhealthy: 1})
	if w.take(onHost(1)) == nil {
		t.Error("a shadow policy's storm stopped another")
	}
}

func TestTarget_ProtectedIsOnlyForPeople(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 3)
	w.fleet = remedy.Fleet{Protected: []string{"service:db-*"}, Own: []string{"service:vigil-*"}}
	w.reopen()
	w.enlist()
	p, c := webs(), flow.Census{Known: 3, Unhealthy: 1}
	f := func(target vigil.Target) {
		t.Helper()
		w.fireOn(p, target, c)
		w.wantHeld(target, vigil.BlockUnmanaged)
	}
	f(vigil.Target{Kind: "service", Name: "db-main", Host: "h0000"})
	f(vigil.Target{Kind: "service", Name: "vigil-agent", Host: "h0000"})
	w.must(w.MarkTarget(t.Context(), remedy.Marked{Target: onHost(0), Word: "protected", By: "ann", Reason: "by hand"}))
	w.reopen() // durable
	w.enlist()
	f(onHost(0))
	w.must(w.MarkTarget(t.Context(), remedy.Marked{Target: mustTarget("host:h0001"), Word: "decommissioned", By: "ann"}))
	f(onHost(1))
	if err := w.MarkTarget(t.Context(), remedy.Marked{Target: onHost(1), Word: "blessed"}); vigil.CodeOf(err) != "mark_unknown" {
		t.Errorf("an unknown word = %v", err)
	}
	r, err := w.Request(t.Context(), flow.Wish{By: "ann", Target: onHost(0), Action: "restart-service"})
	if err != nil || r.State != vigil.Planned {
		t.Errorf("a person's wish = %s, %v", r.State, err)
	}
	w.must(w.Cancel(t.Context(), r.ID, "ann"))
	w.must(w.MarkTarget(t.Context(), remedy.Marked{Target: onHost(0), Word: "unprotected", By: "ann"}))
	if w.take(onHost(0)) == nil {
		t.Error("no longer protected, and still held")
	}
}

func TestDependsOn_WhatIsBelowIsTreatedFirst(t *testing.T) {
	t.Parallel()
	w := newFleet(t, 3)
	w.fleet.DependsOn = map[string][]string{"service:web": {"service:db"}, "service:db": {"host:h0002"}}
	w.reopen()
	w.enlist()
	db := webs()
	db.Name = "dbs"
	low, c := vigil.Target{Kind: "service", Name: "db", Host: "h0000"}, flow.Census{Known: 9, Unhealthy: 1}
	db.Guards.MaxConcurrent = vigil.Share{}
	p := db
	p.Name = "webs"
	w.fireOn(db, low, c)
	w.fireOn(p, onHost(0), c)
	w.wantHeld(onHost(0), vigil.BlockDependency)
	w.fireOn(p, onHost(1), c) // its own db is well
	if w.take(onHost(1)) == nil {
		t.Error("held by the trouble of another host")
	}
	w.treat(low, true)
	w.fireOn(p, onHost(0), c)
	w.wantHeld(onHost(0), vigil.BlockDependency) // not yet verified
	w.heal(db, low, c)
	w.fireOn(p, onHost(0), c)
	if w.take(onHost(0)) == nil {
		t.Error("what is below is well, and it is held")
	}
	w.fireOn(db, mustTarget("host:h0002"), c) // two below
	w.fireOn(p, onHost(2), c)
	w.wantHeld(onHost(2), vigil.BlockDependency)
}
