package remedy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// asked is a ward in which a person was asked about p.
func asked(t *testing.T, p *flow.PolicyRow) (*ward, vigil.Remediation) {
	t.Helper()
	w := newWard(t)
	p.Mode = vigil.Suggest
	w.fire(*p)
	r := w.led.newest(t, 0)
	w.want(r.ID, vigil.AwaitingApproval)
	return w, r
}

// ache lets time pass in which the trouble goes on.
func (w *ward) ache(p flow.PolicyRow, d time.Duration) {
	w.t.Helper()
	for ; d > 0; d -= time.Minute {
		w.pass(min(d, time.Minute))
		w.fire(p)
	}
}

func TestApproval_MayTakeLongerThanMaxAgeAndStillStarts(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	w, r := asked(t, &p)
	w.ache(p, 29*time.Minute)
	w.want(r.ID, vigil.AwaitingApproval)
	w.must(w.Approve(t.Context(), r.ID, "ann", r.Version))
	if w.lease() == nil {
		t.Error("approved in time, and not started")
	}
}

func TestApproval_ExpiresWithItsNumbersWhateverHoldsActionsBack(t *testing.T) {
	t.Parallel()
	f := func(name string, within vigil.Duration, hold func(w *ward), restart bool) {
		t.Helper()
		p := cpuHigh()
		p.Guards.ApproveWithin = within
		w, r := asked(t, &p)
		hold(w)
		w.ache(p, within.D())
		if restart {
			w.reopen()
			w.fire(p)
		}
		w.want(r.ID, vigil.AwaitingApproval)
		w.pass(time.Second)
		w.want(r.ID, vigil.Skipped)
		got, err := w.Remediation(t.Context(), r.ID)
		w.must(err)
		if got.Hold.Reason != vigil.BlockExpired || !strings.Contains(got.Hold.Detail, "approve_within of "+within.String()) {
			t.Errorf("%s: ended by %+v, want expired with the approve_within of %s", name, got.Hold, within)
		}
		err = w.Approve(t.Context(), r.ID, "ann", 0)
		e := vigil.AsError(err)
		if e.Kind != vigil.Conflict || e.Code != "approval_expired" || !strings.Contains(e.Hint, "vigil remediation ls") {
			t.Errorf("%s: late Approve = %v (%s), want approval_expired and what to type", name, err, e.Hint)
		}
		if w.lease() != nil {
			t.Errorf("%s: started after it expired", name)
		}
	}
	f("nothing", secs(1800), func(*ward) {}, false)
	f("a restart", secs(120), func(*ward) {}, true)
	f("the kill switch", secs(120), func(w *ward) { w.must(w.SetKillSwitch(t.Context(), flow.KillSwitch{Engaged: true, By: "ann"})) }, false)
	f("a pause", secs(1800), func(w *ward) {
		_, err := w.Pause(t.Context(), vigil.Pause{By: "ann", Reason: "drill"}, 0)
		w.must(err)
	}, false)
}

func TestApproval_ThatComesBeforeTheTickIsRefusedAllTheSame(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	p.Guards.ApproveWithin = secs(60)
	w, r := asked(t, &p)
	w.clock.add(61 * time.Second) // no tick yet
	if err := w.Approve(t.Context(), r.ID, "ann", 0); vigil.CodeOf(err) != "approval_expired" {
		t.Errorf("Approve = %v, want approval_expired", err)
	}
	w.want(r.ID, vigil.Skipped)
}

func TestApproval_OfAnEditedPolicyIsRefused(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	w, r := asked(t, &p)
	p.Revision++
	p.Digest = "sha256:newer"
	w.must(w.Fired(t.Context(), w.firing(p)))
	err := w.Approve(t.Context(), r.ID, "ann", r.Version)
	if vigil.CodeOf(err) != "approval_outdated" || !strings.Contains(err.Error(), "under revision 1") {
		t.Errorf("Approve after an edit = %v, want approval_outdated with the revisions", err)
	}
	w.want(r.ID, vigil.Skipped)
}

func TestApproval_OfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	w, r := asked(t, &p)
	err := w.Approve(t.Context(), r.ID, "ann", r.Version+1)
	e := vigil.AsError(err)
	if e.Kind != vigil.Conflict || e.Code != "remediation_changed" || e.Fields["version"] != r.Version {
		t.Errorf("Approve of another version = %v %v, want remediation_changed", err, e.Fields)
	}
	w.want(r.ID, vigil.AwaitingApproval)
	w.must(w.Approve(t.Context(), r.ID, "ann", r.Version))
	if err := w.Approve(t.Context(), r.ID, "bob", r.Version); vigil.KindOf(err) != vigil.Conflict {
		t.Errorf("second Approve = %v, want a conflict", err)
	}
	if w.lease() == nil || w.lease() != nil {
		t.Error("want it to start once")
	}
}

func TestApproval_IsNoWayAroundTheGuards(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	w, r := asked(t, &p)
	_, err := w.Pause(t.Context(), vigil.Pause{By: "bob", Reason: "drill"}, 0)
	w.must(err)
	w.must(w.Approve(t.Context(), r.ID, "ann", r.Version))
	if w.lease() != nil {
		t.Error("started in a pause")
	}
	w.want(r.ID, vigil.Blocked)
}

func TestPreview_SaysWhatAPersonShouldKnowAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	p.Mode, p.Guards.Cooldown, p.Guards.Budget = vigil.Suggest, secs(3600), vigil.Rate{N: 3, Per: secs(3600)}
	w := newWard(t)
	f := w.firing(p)
	f.Census = flow.Census{Group: "env=prod", Known: 12, Unhealthy: 1, Silent: 1}
	w.must(w.Fired(t.Context(), f))
	r := w.led.newest(t, 0)
	writes := w.led.applies
	got, err := w.Preview(t.Context(), r.ID)
	w.must(err)
	want := vigil.Preview{
		Action: "restart-service", Group: "env=prod", Known: 12, Bad: 2, Budget: p.Guards.Budget, AnswerBy: start.Add(30 * time.Minute),
	}
	if *got != want {
		t.Errorf("Preview = %+v, want %+v", *got, want)
	}
	w.revoked.Store(true)
	if got, _ := w.Preview(t.Context(), r.ID); got.Hold == nil || got.Hold.Reason != vigil.BlockDenied {
		t.Errorf("Preview without a grant is held by %+v, want capability_denied", got.Hold)
	}
	if w.led.applies != writes {
		t.Error("a preview wrote something")
	}
	w.want(r.ID, vigil.AwaitingApproval)
	w.must(w.Deny(t.Context(), r.ID, "ann"))
	if got, err := w.Preview(t.Context(), r.ID); got != nil || err != nil {
		t.Errorf("Preview of what is over = %v, %v, want none", got, err)
	}
}

// TestApproval_IsOfTheModuleThatWasSeen: an upload between the question, the
// answer and the start has a person look anew.
func TestApproval_IsOfTheModuleThatWasSeen(t *testing.T) {
	t.Parallel()
	p := cpuHigh()
	w, r := asked(t, &p)
	if r.Asked != "sha256:restart-service" {
		t.Fatalf("asked about %q", r.Asked)
	}
	w.newer.Store(true) // before the answer
	if err := w.Approve(t.Context(), r.ID, "ann", r.Version); vigil.CodeOf(err) != "action_changed" {
		t.Errorf("Approve of another module = %v, want action_changed", err)
	}
	r = w.led.newest(t, 0)
	w.want(r.ID, vigil.AwaitingApproval)
	w.must(w.Approve(t.Context(), r.ID, "ann", r.Version))
	w.newer.Store(false) // after it
	if l := w.lease(); l != nil {
		t.Errorf("leased %s, want another question", l.Digest)
	}
	w.want(r.ID, vigil.AwaitingApproval)
	r = w.led.newest(t, 0)
	if r.Hold == nil || r.Hold.Reason != vigil.BlockApproval || !strings.Contains(r.Hold.Detail, "another module than was agreed to") {
		t.Errorf("held by %+v", r.Hold)
	}
	w.must(w.Approve(t.Context(), r.ID, "ann", r.Version))
	if l := w.lease(); l == nil || l.Digest != "sha256:restart-service" {
		t.Errorf("leased %+v, want what was agreed to", l)
	}
	if n := w.led.verbs("remediation.action_changed"); n != 1 {
		t.Errorf("%d records of the change, want one", n)
	}
}
