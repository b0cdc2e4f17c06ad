package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Entry is one moment of a remediation.
type Entry struct {
	At     time.Time      `json:"at"`
	Since  vigil.Duration `json:"since"` // since the entry before
	What   string         `json:"what"`
	Detail string         `json:"detail,omitempty"`
}

// Story tells a remediation in one sentence and as a timeline.
func Story(r vigil.Remediation) (sentence string, timeline []Entry) {
	return tell(r), entries(r)
}

// tell says what Vigil did, why, and what came of it, such as: Vigil restarted
// backend on host-1 after cpu-high fired at 0.95; healed in 4.2s.
func tell(r vigil.Remediation) string {
	return fmt.Sprintf("Vigil %s %s; %s.", deed(r), cause(r), outcome(r))
}

func deed(r vigil.Remediation) string {
	var done []string
	for _, a := range r.Attempts {
		if !a.StartedAt.IsZero() && (len(done) == 0 || done[len(done)-1] != past(a)) {
			done = append(done, past(a))
		}
	}
	place := r.Target.Name
	if r.Target.Host != "" && r.Target.Kind == "service" {
		place += " on " + r.Target.Host
	}
	if len(done) == 0 {
		return "left " + place + " alone"
	}
	return strings.Join(done, ", then ") + " " + place
}

// past renders an attempt's action as a verb in the past tense; what did not
// end well was only tried.
func past(a vigil.Attempt) string {
	verb, _, ok := strings.Cut(a.Action, "-")
	if !ok || !slices.Contains([]string{"restart", "start", "stop", "reload"}, verb) {
		return "ran " + a.Action + " on"
	}
	switch {
	case !a.OK:
		return "tried to " + verb
	case verb == "stop":
		return "stopped"
	}
	return verb + "ed"
}

func cause(r vigil.Remediation) string {
	switch r.Origin {
	case vigil.FromUndo:
		return fmt.Sprintf("to take back what %s did", r.Undoes)
	case vigil.FromPerson:
		return "because " + r.By + " asked"
	case vigil.FromPolicy:
	}
	return fmt.Sprintf("after %s fired at %.4g", r.Policy, r.Value)
}

func outcome(r vigil.Remediation) string {
	switch r.State {
	case vigil.Healed:
		if r.Origin == vigil.FromUndo {
			return "done, and it is up"
		}
		return "healed in " + words(r.EndedAt.Sub(begin(r)))
	case vigil.Blocked, vigil.Skipped:
		if r.Hold != nil {
			return fmt.Sprintf("it %s: %s", r.State.Says(), r.Hold.Detail)
		}
	case vigil.Failed, vigil.TimedOut:
		if a := r.Current(); a != nil && !a.OK && a.Message != "" {
			return fmt.Sprintf("it %s: %s", r.State.Says(), a.Message)
		}
	default: // the state says it all
	}
	return "it " + r.State.Says()
}

// begin is when the trouble was first seen here: when the sample arrived, or
// the wish.
func begin(r vigil.Remediation) time.Time {
	if r.ReceivedAt.IsZero() {
		return r.CreatedAt
	}
	return r.ReceivedAt
}

// entries lists what is known to have happened, in order of time.
func entries(r vigil.Remediation) []Entry {
	var es []Entry
	add := func(at time.Time, what, detail string) {
		if !at.IsZero() {
			es = append(es, Entry{At: at, What: what, Detail: detail})
		}
	}
	if r.Origin == vigil.FromPolicy {
		add(r.ReceivedAt, "sample received", fmt.Sprintf("%.4g", r.Value))
	}
	add(r.CreatedAt, "planned", r.Reason)
	for _, a := range r.Attempts {
		add(a.LeasedAt, fmt.Sprintf("attempt %d leased", a.N), a.Remediator)
		add(a.StartedAt, a.Action+" started", "")
		for _, c := range a.Calls {
			add(c.StartedAt, c.Op, strings.TrimSpace(c.Target+" "+c.Code))
		}
		add(a.EndedAt, a.Action+" "+ending(a), strings.TrimSpace(a.Code+" "+a.Message))
	}
	v := r.Verification
	add(v.ClearAt, "first clear sample", "")
	add(r.EndedAt, string(r.State), r.State.Says())
	if h := r.HandOff; h != nil {
		add(h.At, "handed to a person", h.Why)
	}
	slices.SortStableFunc(es, func(a, b Entry) int { return a.At.Compare(b.At) })
	for i := 1; i < len(es); i++ {
		es[i].Since = vigil.Duration(es[i].At.Sub(es[i-1].At))
	}
	return es
}

func ending(a vigil.Attempt) string {
	if a.OK {
		return "ended well"
	}
	return "failed"
}

// words rounds a time span to a tenth of its leading unit.
func words(d time.Duration) string {
	switch {
	case d < time.Second:
		d = d.Round(time.Millisecond)
	case d < time.Minute:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Second)
	}
	return vigil.Duration(d).String()
}
