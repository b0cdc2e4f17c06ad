package notify_test

import (
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestNotices_TellWhatAPersonMustKnow walks through the moves of a remediation;
// "" tells nobody.
func TestNotices_TellWhatAPersonMustKnow(t *testing.T) {
	t.Parallel()
	f := func(from, to vigil.State, by, want string) {
		t.Helper()
		r := vigil.Remediation{
			ID: "rem-1", Origin: vigil.FromPolicy, Policy: "p", Target: vigil.Target{Kind: "service", Name: "web"},
			State: to, Hold: &vigil.Hold{Reason: vigil.BlockCooldown},
		}
		got := notify.Notices(flow.Change{Remediations: []vigil.Remediation{r}, Audit: []vigil.AuditRecord{
			{By: by, Verb: "remediation." + string(to), Object: r.ID, From: string(from), To: string(to)},
			{By: by, Verb: "remediation." + string(to), Object: "rem-other", From: string(from), To: string(to)},
		}})
		says := ""
		for _, n := range got {
			says += string(n.Verb) + " " + string(n.When)
			if n.Key != "p|service:web" {
				t.Errorf("key %q of %s", n.Key, says)
			}
		}
		if says != want {
			t.Errorf("%s to %s by %s tells %q, want %q", from, to, by, says, want)
		}
	}
	f("", vigil.Planned, "policy:p", "")
	f(vigil.Planned, vigil.AwaitingApproval, "vigil", "trigger awaiting_approval")
	f(vigil.AwaitingApproval, vigil.Planned, "ann", "acknowledge taken")
	f(vigil.AwaitingApproval, vigil.Cancelled, "ann", "resolve closed")
	f(vigil.Planned, vigil.Leased, "vigil", "")
	f(vigil.Planned, vigil.Blocked, "vigil", "trigger held")
	f(vigil.Leased, vigil.Running, "remediator:a", "")
	f(vigil.Running, vigil.Verifying, "remediator:a", "")
	f(vigil.Running, vigil.Failed, "remediator:a", "trigger failed")
	f(vigil.Running, vigil.TimedOut, "vigil", "trigger timed_out")
	f(vigil.Running, vigil.Unknown, "vigil", "trigger unknown")
	f(vigil.Unknown, vigil.Planned, "ann", "acknowledge taken")
	f(vigil.Unknown, vigil.Planned, "vigil", "")
	f(vigil.Unknown, vigil.Failed, "ann", "resolve closed")
	f(vigil.Unknown, vigil.Failed, "remediator:a", "trigger failed")
	f(vigil.Verifying, vigil.Healed, "vigil", "resolve healed")
	f(vigil.Verifying, vigil.Failed, "vigil", "trigger failed")
	f(vigil.Verifying, vigil.Inconclusive, "vigil", "trigger inconclusive")
	f(vigil.Planned, vigil.Skipped, "vigil", "resolve closed")
}

// TestNotices_TellOfEveryMoveOfAChange keeps a move in the message log that was
// followed by the next within the same change.
func TestNotices_TellOfEveryMoveOfAChange(t *testing.T) {
	t.Parallel()
	r := vigil.Remediation{ID: "rem-1", State: vigil.Leased}
	got := notify.Notices(flow.Change{Remediations: []vigil.Remediation{r}, Audit: []vigil.AuditRecord{
		{By: "ann", Verb: "remediation.planned", Object: "rem-1", From: "awaiting_approval", To: "planned"},
		{By: "vigil", Verb: "remediation.leased", Object: "rem-1", From: "planned", To: "leased"},
	}})
	if len(got) != 1 || got[0].When != vigil.WhenTaken || got[0].Key != "rem-1" {
		t.Errorf("notices %+v, want that it was taken", got)
	}
}

// TestNotices_NameBreakersApart tells of a breaker by its own key, once when it
// trips and once when it is closed.
func TestNotices_NameBreakersApart(t *testing.T) {
	t.Parallel()
	f := func(rec vigil.AuditRecord, verb vigil.NotifyVerb, key, summary string) {
		t.Helper()
		got := notify.Notices(flow.Change{Audit: []vigil.AuditRecord{rec}})
		if len(got) != 1 || got[0].Verb != verb || got[0].Key != key || got[0].Summary != summary {
			t.Errorf("notices %+v, want %s %s %q", got, verb, key, summary)
		}
	}
	f(vigil.AuditRecord{By: "policy:p", Verb: "breaker.tripped", Object: "hosts", To: "storm"}, vigil.Trigger, "breaker|hosts|", "Vigil has stopped hosts")
	f(vigil.AuditRecord{By: "vigil", Verb: "breaker.closed", Object: "hosts", From: "storm"}, vigil.Resolve, "breaker|hosts|", "Vigil goes on with hosts")
	f(vigil.AuditRecord{By: "policy:p", Verb: "breaker.tripped", Object: "p", Target: "service:web", To: "ineffective"},
		vigil.Trigger, "breaker|p|service:web", "Vigil has stopped p on service:web")
}
