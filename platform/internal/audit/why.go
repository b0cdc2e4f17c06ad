package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Explain puts the answer together from an episode's remediations, in any order,
// and the records about it, oldest first. mode is that of its policy now, "" if
// there is none any more.
func Explain(ep vigil.Episode, treated []vigil.Remediation, records []vigil.AuditRecord, mode vigil.Mode, now time.Time) vigil.Why {
	w := vigil.Why{Episode: ep, Remediations: slices.Clone(treated), Sentences: []string{found(ep, now)}}
	slices.SortFunc(w.Remediations, func(a, b vigil.Remediation) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, r := range w.Remediations {
		w.Sentences = append(w.Sentences, fmt.Sprintf("%s (%s)", tell(r), r.ID))
		if r.HandOff != nil {
			w.Sentences = append(w.Sentences, handedOff(*r.HandOff))
		}
	}
	w.Hold = lastHold(w.Remediations, records)
	switch {
	case w.Hold != nil && w.Hold.Reason == vigil.BlockShadow && ep.EndedAt.IsZero() && (mode == vigil.Suggest || mode == vigil.Auto):
		w.Sentences = append(w.Sentences, fmt.Sprintf("It did not act while %s only watched (shadow). It is in %s now: its next sample decides.", ep.Policy, mode))
		w.Hold = nil
	case w.Hold != nil:
		w.Sentences = append(w.Sentences, held(ep, *w.Hold, now))
		_, w.Next = meaning(w.Hold.Reason, ep.Policy)
	case len(w.Remediations) == 0 && ep.State == vigil.EpisodePending:
		w.Sentences = append(w.Sentences, "It does not act yet: the trouble has not lasted for as long as the policy's for says.")
	case len(w.Remediations) == 0 && ep.FiredAt.IsZero():
		w.Sentences = append(w.Sentences, "It did not act: the trouble was over before it had lasted for as long as the policy's for says.")
	case len(w.Remediations) == 0:
		w.Sentences = append(w.Sentences, "It did not act, and no guard is on record for it.")
	default:
		w.Next = "vigil remediation show " + w.Remediations[len(w.Remediations)-1].ID
	}
	return w
}

// ExplainPolicy answers for what a policy, or its module, was kept from speaking
// of, from the records about it, oldest first.
func ExplainPolicy(policy string, records []vigil.AuditRecord) vigil.Why {
	w := vigil.Why{Next: "vigil policy show " + policy}
	for _, rec := range records {
		if rec.Verb == "remediation.held" && rec.To == string(vigil.BlockScope) {
			w.Hold = &vigil.Hold{Reason: vigil.BlockScope, Detail: rec.Message}
			w.Sentences = append(w.Sentences, fmt.Sprintf("%s did nothing at %s (%s): %s.", policy, stamp(rec.At), rec.To, strings.TrimSuffix(rec.Message, ".")))
		}
	}
	if w.Hold == nil {
		w.Sentences, w.Next = []string{policy + " has stayed within its scope. Ask about a target for what it found."}, "vigil target ls"
	}
	w.Sentences = w.Sentences[max(0, len(w.Sentences)-10):]
	return w
}

// handedOff says that a person has to go on, and what was tried.
func handedOff(h vigil.HandOff) string {
	return fmt.Sprintf("%s handed it to a person at %s: %s. It had tried %s.", strings.TrimPrefix(h.By, "policy:"), stamp(h.At), h.Why, strings.Join(h.Tried, "; then "))
}

// ExplainWish answers why Vigil did what a person asked for.
func ExplainWish(r vigil.Remediation) vigil.Why {
	return vigil.Why{Sentences: []string{fmt.Sprintf("%s (%s)", tell(r), r.ID)}, Remediations: []vigil.Remediation{r}, Next: "vigil remediation show " + r.ID}
}

// found says what the policy saw, and for how long.
func found(ep vigil.Episode, now time.Time) string {
	var b strings.Builder
	if ep.EndedAt.IsZero() {
		fmt.Fprintf(&b, "%s finds %s bad since %s, for %s now", ep.Policy, ep.Target, stamp(ep.Since), words(now.Sub(ep.Since)))
	} else {
		fmt.Fprintf(&b, "%s found %s bad from %s on, for %s", ep.Policy, ep.Target, stamp(ep.Since), words(ep.EndedAt.Sub(ep.Since)))
	}
	if ep.Reason == "" {
		return fmt.Sprintf("%s: %s is %.4g.", b.String(), ep.Series, ep.Value)
	}
	return fmt.Sprintf("%s: %s: %s.", b.String(), ep.Series, ep.Reason)
}

// lastHold is what keeps, or kept, the episode from being acted on; nil if what was
// done says it all.
func lastHold(treated []vigil.Remediation, records []vigil.AuditRecord) *vigil.Hold {
	var since time.Time
	if len(treated) > 0 {
		last := treated[len(treated)-1]
		switch {
		case last.State == vigil.Blocked || last.State == vigil.AwaitingApproval:
			return last.Hold
		case last.Open() || last.State == vigil.Healed:
			return nil // that it is under way, or done, says it all
		}
		since = last.CreatedAt
	}
	for _, rec := range slices.Backward(records) {
		if rec.Verb != "remediation.held" && rec.Verb != "remediation.shadow" {
			continue
		}
		if !rec.At.After(since) {
			return nil
		}
		hold := vigil.Hold{Reason: vigil.BlockReason(rec.To), Detail: rec.Message}
		_ = json.Unmarshal(rec.Detail, &hold) // its numbers; the record itself names the reason
		return &hold
	}
	return nil
}

func held(ep vigil.Episode, h vigil.Hold, now time.Time) string {
	over, verb := !ep.EndedAt.IsZero(), "does not act"
	if over {
		verb = "did not act"
	}
	says, _ := meaning(h.Reason, ep.Policy)
	s := fmt.Sprintf("It %s, for %s (%s): %s.", verb, says, h.Reason, strings.TrimSuffix(h.Detail, "."))
	switch {
	case over:
	case h.RetryAt.After(now):
		s += fmt.Sprintf(" It is looked at again at %s.", stamp(h.RetryAt))
	default:
		s += " It is looked at again as soon as that changes."
	}
	return s
}

// meaning says of a reason in a clause what it is about, and which command shows
// or changes it, if one does.
func meaning(reason vigil.BlockReason, policy string) (says, next string) {
	m := map[vigil.BlockReason]struct{ says, next string }{
		vigil.BlockKillSwitch: {"the kill switch is engaged", "vigil status"},
		vigil.BlockPaused:     {"a person paused it", "vigil status"},
		vigil.BlockMaintained: {"a window of maintenance is open", "vigil maintenance ls"},
		vigil.BlockWarmup:     {"Vigil has just started and knows too little yet", ""},
		vigil.BlockStale:      {"what it would act on is out of date", ""},
		vigil.BlockExpired:    {"a person was asked and did not answer in time", "vigil remediation ls"},
		vigil.BlockResolved:   {"nothing asks for an action now", ""},
		vigil.BlockUnmanaged:  {"the target is nobody's to act on", "vigil target ls"},
		vigil.BlockScope:      {"what its runbook takes from the series is not there", "vigil policy show %s"},
		vigil.BlockShadow:     {"the policy only watches", "vigil policy mode %s suggest"},
		vigil.BlockDuplicate:  {"this very trouble is treated already", ""},
		vigil.BlockTargetBusy: {"something else is done to the target", "vigil target ls"},
		vigil.BlockDependency: {"something below the target is bad, which comes first", "vigil target ls"},
		vigil.BlockCooldown:   {"the last action is too fresh", "vigil policy show %s"},
		vigil.BlockBackoff:    {"the last try did not help", "vigil policy show %s"},
		vigil.BlockExhausted:  {"the budget of actions on the target is used up", "vigil policy show %s"},
		vigil.BlockMinHealthy: {"too few of its group would be left in health", "vigil target ls"},
		vigil.BlockConcurrent: {"enough of its group is in treatment", "vigil target ls"},
		vigil.BlockRate:       {"enough was done in this time", "vigil policy show %s"},
		vigil.BlockBreaker:    {"a breaker has tripped", "vigil breaker ls"},
		vigil.BlockNoHelp:     {"the action has not helped here before", "vigil breaker ls"},
		vigil.BlockDenied:     {"an action lacks a grant", "vigil policy show %s"},
		vigil.BlockApproval:   {"it waits for a person's word", "vigil remediation ls"},
	}[reason]
	return m.says, strings.ReplaceAll(m.next, "%s", policy)
}
