package remedy

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Event is one thing that happened, with what a step may know of the world at
// that moment. The caller fills it, so that a step stays a pure function.
type Event struct {
	Body    Body
	Seed    [16]byte          // random bits; every identifier the step makes is drawn from them
	Waiting map[string]int    // how many polls of each remediator wait for work
	Actions map[string]Action // what the names of actions mean now
}

// Body is what happened; its type is one of this package's event types.
type Body interface{ apply(d *draft) }

// Action is what the name of an action module means now.
type Action struct {
	Module vigil.Module
	Grants []vigil.Grant
	Err    error // the name means nothing
}

// Effects is what a step wants done, in this order: Change made durable, then
// leases delivered and spans exported. If Missing is not empty the whole result
// is void: the step has to be taken again with those actions looked up.
type Effects struct {
	Missing     []string
	Change      flow.Change
	Leases      []Handout
	Trails      []*flow.Trail
	Spans       []flow.Span
	Held        []vigil.BlockReason // why something is newly held, for the counters
	Remediation string              // id of the remediation that a wish became
	Renewal     flow.Renewal        // the answer to a heartbeat
	Pause       vigil.Pause         // that a person set
	Wait        bool                // the wish may go on when its target has been verified
	Err         error               // the event's refusal; Change holds nonetheless
}

// Handout is a lease for one waiting poll of a remediator.
type Handout struct {
	Remediator string
	Lease      flow.Lease
}

// Step takes one event. The state it was given stays as it was.
func Step(s State, e Event, now time.Time) (State, Effects) {
	d := newDraft(s, e, now)
	e.Body.apply(d)
	d.reconsider()
	d.handout()
	d.finish()
	if d.broken != nil {
		return s, Effects{Err: d.broken}
	}
	return d.State, d.out
}
