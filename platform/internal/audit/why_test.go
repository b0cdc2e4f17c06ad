package audit_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// firing is an episode that has fired for two minutes at noon.
func firing() (vigil.Episode, time.Time) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	return vigil.Episode{
		ID: "ep-1", Policy: "cpu-high", Target: vigil.Target{Kind: "service", Name: "web", Host: "h1"}, Series: vigil.Series{Name: "cpu_usage"},
		State: vigil.EpisodeFiring, Since: noon.Add(-2 * time.Minute), FiredAt: noon.Add(-2 * time.Minute), Value: 0.95, Reason: "above 0.8",
	}, noon
}

func heldAt(at time.Time, h vigil.Hold) vigil.AuditRecord {
	detail, _ := json.Marshal(h)
	return vigil.AuditRecord{At: at, Verb: "remediation.held", Object: "ep-1", To: string(h.Reason), Message: h.Detail, Detail: detail}
}

func TestExplain_SaysWhatWasFoundDoneAndHeld(t *testing.T) {
	t.Parallel()
	f := func(name, want string, change func(ep *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord)) {
		t.Helper()
		ep, now := firing()
		rems, recs := change(&ep, now)
		w := audit.Explain(ep, rems, recs, vigil.Shadow, now)
		if got := strings.Join(append(w.Sentences, w.Next), "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	const bad = "cpu-high finds service:web@h1 bad since 2026-05-04 11:58:00.000 UTC, for 2m now: cpu_usage: above 0.8.\n"
	cooldown := vigil.Hold{Reason: vigil.BlockCooldown, Detail: "cooldown of 5m ends in 3m"}
	rem := func(now time.Time, state vigil.State) vigil.Remediation {
		return vigil.Remediation{
			ID: "rem-1", State: state, Policy: "cpu-high", Origin: vigil.FromPolicy, Value: 0.95, CreatedAt: now.Add(-time.Minute), EndedAt: now, ReceivedAt: now.Add(-time.Minute),
			Target: vigil.Target{Kind: "service", Name: "web", Host: "h1"}, Attempts: []vigil.Attempt{{N: 1, Action: "restart-service", StartedAt: now, OK: true}},
		}
	}
	f("held", bad+"It does not act, for the last action is too fresh (cooldown): cooldown of 5m ends in 3m. It is looked at again at 2026-05-04 12:03:00.000 UTC.\nvigil policy show cpu-high",
		func(_ *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			hold := cooldown
			hold.RetryAt = now.Add(3 * time.Minute)
			return nil, []vigil.AuditRecord{heldAt(now, hold)}
		})
	f("healed", bad+"Vigil restarted web on h1 after cpu-high fired at 0.95; healed in 1m. (rem-1)\nvigil remediation show rem-1",
		func(_ *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			return []vigil.Remediation{rem(now, vigil.Healed)}, []vigil.AuditRecord{heldAt(now.Add(-90*time.Second), cooldown)}
		})
	f("failed and held since", bad+"Vigil restarted web on h1 after cpu-high fired at 0.95; it "+vigil.Inconclusive.Says()+". (rem-1)\n"+
		"It does not act, for the last action is too fresh (cooldown): cooldown of 5m ends in 3m. It is looked at again as soon as that changes.\nvigil policy show cpu-high",
		func(_ *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			return []vigil.Remediation{rem(now, vigil.Inconclusive)}, []vigil.AuditRecord{heldAt(now.Add(-time.Second), cooldown)}
		})
	f("awaiting approval", bad+"Vigil left web on h1 alone after cpu-high fired at 0.95; it "+vigil.AwaitingApproval.Says()+". (rem-1)\n"+
		"It does not act, for it waits for a person's word (awaiting_approval): restart-service. It is looked at again as soon as that changes.\nvigil remediation ls",
		func(_ *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			r := rem(now, vigil.AwaitingApproval)
			r.Attempts, r.EndedAt, r.Hold = nil, time.Time{}, &vigil.Hold{Reason: vigil.BlockApproval, Detail: "restart-service"}
			return []vigil.Remediation{r}, nil
		})
	f("pending", bad+"It does not act yet: the trouble has not lasted for as long as the policy's for says.\n",
		func(ep *vigil.Episode, _ time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			ep.State, ep.FiredAt = vigil.EpisodePending, time.Time{}
			return nil, nil
		})
	f("over and held", "cpu-high found service:web@h1 bad from 2026-05-04 11:58:00.000 UTC on, for 2m: cpu_usage: above 0.8.\n"+
		"It did not act, for the policy only watches (shadow): would run restart-service.\nvigil policy mode cpu-high suggest",
		func(ep *vigil.Episode, now time.Time) ([]vigil.Remediation, []vigil.AuditRecord) {
			ep.State, ep.EndedAt = vigil.EpisodeResolved, now
			rec := heldAt(now, vigil.Hold{Reason: vigil.BlockShadow, Detail: "would run restart-service"})
			rec.Verb = "remediation.shadow"
			return nil, []vigil.AuditRecord{rec}
		})
}

// Every reason of the dictionary has words of its own.
func TestExplain_HasWordsForEveryReason(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../sdk/vigil/state.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != "BlockReason" {
			return true
		}
		reason, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		ep, now := firing()
		w := audit.Explain(ep, nil, []vigil.AuditRecord{heldAt(now, vigil.Hold{Reason: vigil.BlockReason(reason), Detail: "x"})}, vigil.Shadow, now)
		_, says, _ := strings.Cut(w.Sentences[1], "for ")
		says, _, _ = strings.Cut(says, " (")
		if was := said[says]; was != "" || len(says) < 10 {
			t.Errorf("%s says %q, and so does %q", reason, says, was)
		}
		said[says] = reason
		return true
	})
	if len(said) < 20 {
		t.Errorf("only %d reasons were found", len(said))
	}
}

// Whoever has to go on reads what was tried, in the answer, the story and the
// post-mortem.
func TestExplain_SaysWhatAPersonTakesOver(t *testing.T) {
	t.Parallel()
	ep, now := firing()
	r := vigil.Remediation{
		ID: "rem-1", State: vigil.Failed, Policy: "cpu-high", Origin: vigil.FromPolicy, Value: 0.95, CreatedAt: now, EndedAt: now, Target: ep.Target,
		HandOff: &vigil.HandOff{At: now, By: "policy:cpu-high", Why: "still bad at 0.9 after the action", Tried: []string{"reload: no", "restart-service: it ended well and the target stayed bad"}},
	}
	const want = "cpu-high handed it to a person at 2026-05-04 12:00:00.000 UTC: still bad at 0.9 after the action. " +
		"It had tried reload: no; then restart-service: it ended well and the target stayed bad."
	if w := audit.Explain(ep, []vigil.Remediation{r}, nil, vigil.Shadow, now); len(w.Sentences) != 3 || w.Sentences[2] != want {
		t.Errorf("sentences = %q, want %q as the last", w.Sentences, want)
	}
	_, timeline := audit.Story(r)
	if last := timeline[len(timeline)-1]; last.What != "handed to a person" || last.Detail != r.HandOff.Why {
		t.Errorf("the story ends with %+v", last)
	}
	var doc strings.Builder
	if err := audit.Report(&doc, audit.Gather(r, nil, nil)); err != nil || !strings.Contains(doc.String(), "## Handed to a person\n") || !strings.Contains(doc.String(), "It had tried reload: no") {
		t.Errorf("the post-mortem: %v\n%s", err, doc.String())
	}
}

// TestExplain_KnowsThatAModeHasChanged: the record of a hold is of the past.
func TestExplain_KnowsThatAModeHasChanged(t *testing.T) {
	t.Parallel()
	f := func(mode vigil.Mode, reason vigil.BlockReason, want string) {
		t.Helper()
		ep, now := firing()
		w := audit.Explain(ep, nil, []vigil.AuditRecord{heldAt(now, vigil.Hold{Reason: reason, Detail: "x"})}, mode, now)
		if len(w.Sentences) != 2 || !strings.Contains(w.Sentences[1], want) {
			t.Errorf("%s held by %s: %q, want %q", mode, reason, w.Sentences, want)
		}
	}
	f(vigil.Shadow, vigil.BlockShadow, "It does not act, for the policy only watches (shadow)")
	f(vigil.Auto, vigil.BlockShadow, "It did not act while cpu-high only watched (shadow). It is in auto now: its next sample decides.")
	f(vigil.Suggest, vigil.BlockShadow, "It is in suggest now")
	f("", vigil.BlockShadow, "It does not act, for the policy only watches (shadow)")
	f(vigil.Auto, vigil.BlockCooldown, "It does not act, for the last action is too fresh (cooldown)")
}
