package notify

import (
	"fmt"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Notices computes what a change of the healer tells people, in the order of its
// records. Nothing in it has a channel yet: a trigger goes where routes send it,
// the rest also to whoever was told of the trouble.
func Notices(c flow.Change) (out []vigil.Notification) {
	moved := map[string]vigil.Remediation{}
	for _, r := range c.Remediations {
		moved[r.ID] = r
	}
	for _, rec := range c.Audit {
		policy, asks := strings.CutPrefix(rec.By, "policy:")
		r, is := moved[rec.Object]
		switch {
		case is && rec.Verb == "remediation."+rec.To: // it may have moved on within the change
			if n, ok := noticeOf(r, rec); ok {
				out = append(out, n)
			}
		case strings.HasPrefix(rec.Verb, "breaker."):
			out = append(out, breakerNotice(rec))
		case rec.Verb == "remediation.held" && asks:
			out = append(out, heldNotice(vigil.Notification{
				Key: policy + "|" + rec.Target, Policy: policy, Target: rec.Target, Episode: rec.Object, Detail: rec.Message, At: rec.At,
			}, vigil.BlockReason(rec.To)))
		}
	}
	return out
}

func noticeOf(r vigil.Remediation, rec vigil.AuditRecord) (vigil.Notification, bool) {
	was, is := vigil.State(rec.From), vigil.State(rec.To)
	n := vigil.Notification{
		Verb: vigil.Trigger, When: vigil.NotifyWhen(is), Key: r.ID, Policy: r.Policy, Target: r.Target.String(),
		Remediation: r.ID, Episode: r.Episode, Detail: rec.Message, At: rec.At,
	}
	if r.Origin == vigil.FromPolicy {
		n.Key = r.Policy + "|" + n.Target
	}
	byHands := strings.HasPrefix(rec.By, "remediator:")
	switch is {
	case vigil.AwaitingApproval:
		n.Summary = fmt.Sprintf("%s waits for your approval of %s", n.Target, step(r))
	case vigil.Failed:
		if was == vigil.Unknown && !byHands {
			n.Verb, n.When = vigil.Resolve, vigil.WhenClosed
		}
		n.Summary = fmt.Sprintf("%s was not healed by %s", n.Target, step(r))
	case vigil.Inconclusive, vigil.TimedOut, vigil.Unknown:
		n.Summary = fmt.Sprintf("%s needs a person: %s %s", n.Target, step(r), is.Says())
	case vigil.Healed:
		n.Verb, n.Summary = vigil.Resolve, fmt.Sprintf("%s was healed by %s", n.Target, step(r))
	case vigil.Skipped, vigil.Cancelled:
		n.Verb, n.When, n.Summary = vigil.Resolve, vigil.WhenClosed, fmt.Sprintf("%s: %s %s", n.Target, step(r), is.Says())
	case vigil.Blocked:
		if r.Hold == nil {
			return n, false
		}
		return heldNotice(n, r.Hold.Reason), true
	case vigil.Planned:
		if was != vigil.AwaitingApproval && (was != vigil.Unknown || rec.By == "vigil") {
			return n, false
		}
		n.Verb, n.When, n.Summary = vigil.Acknowledge, vigil.WhenTaken, fmt.Sprintf("%s: %s was approved", n.Target, step(r))
	default:
		return n, false
	}
	return n, true
}

func heldNotice(n vigil.Notification, reason vigil.BlockReason) vigil.Notification {
	n.Verb, n.When = vigil.Trigger, vigil.WhenHeld
	n.Summary = fmt.Sprintf("%s is bad and is left alone: %s", n.Target, reason)
	if reason == vigil.BlockExhausted {
		n.When, n.Summary = vigil.WhenExhausted, n.Target+" needs a person: its budget of actions is used up"
	}
	return n
}

// breakerNotice tells that a breaker tripped or was closed. One of a single target
// that a policy does not help has that target's key apart from others.
func breakerNotice(rec vigil.AuditRecord) vigil.Notification {
	of := rec.Object
	if rec.Target != "" {
		of += " on " + rec.Target
	}
	n := vigil.Notification{
		Verb: vigil.Trigger, When: vigil.WhenTripped, Key: "breaker|" + rec.Object + "|" + rec.Target, Target: rec.Target,
		Summary: "Vigil has stopped " + of, Detail: rec.Message, At: rec.At,
	}
	if policy, ok := strings.CutPrefix(rec.By, "policy:"); ok {
		n.Policy = policy
	}
	if rec.Verb == "breaker.closed" {
		n.Verb, n.When, n.Policy, n.Summary = vigil.Resolve, vigil.WhenClosed, "", "Vigil goes on with "+of
	}
	return n
}

// step names the action that the remediation is at.
func step(r vigil.Remediation) string {
	if r.Step < len(r.Runbook) {
		return r.Runbook[r.Step].Action
	}
	return "nothing"
}

// Ended computes what episodes that are over tell whoever was told of them.
func Ended(eps []vigil.Episode) (out []vigil.Notification) {
	for _, e := range eps {
		if e.State != vigil.EpisodeResolved {
			continue
		}
		out = append(out, vigil.Notification{
			Verb: vigil.Resolve, When: vigil.WhenResolved, Policy: e.Policy, Target: e.Target.String(), Episode: e.ID,
			Summary: e.Target.String() + " is well again", Detail: e.Policy + " finds it clear", At: e.EndedAt,
		})
	}
	return out
}

// Address gives each notice its channels. One copy without a channel stays of
// what ends or acknowledges, for the outbox to address.
func (n *Notifier) Address(notices []vigil.Notification) (out []vigil.Notification) {
	for _, notice := range notices {
		if notice.Verb != vigil.Trigger {
			out = append(out, notice)
		}
		told := map[string]bool{}
		for _, r := range n.o.Routes {
			if !r.takes(notice) {
				continue
			}
			for _, to := range r.To {
				if told[to] {
					continue
				}
				told[to] = true
				one := notice
				one.Channel = to
				out = append(out, one)
			}
		}
	}
	return out
}
