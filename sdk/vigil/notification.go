package vigil

import (
	"slices"
	"time"
)

// Notification is one message to people through one channel, and what became of
// it. It is delivered at least once; a second delivery has the same ID and Key.
type Notification struct {
	ID          string     `json:"id"`
	Channel     string     `json:"channel"` // its name in the configuration
	Verb        NotifyVerb `json:"verb"`
	When        NotifyWhen `json:"when"`
	Key         string     `json:"key"` // of the trouble: POLICY|TARGET, or a remediation that a person asked for
	Policy      string     `json:"policy,omitempty"`
	Target      string     `json:"target,omitempty"`
	Remediation string     `json:"remediation,omitempty"`
	Episode     string     `json:"episode,omitempty"`
	Summary     string     `json:"summary"` // one line
	Detail      string     `json:"detail,omitempty"`
	At          time.Time  `json:"at"` // of what it tells

	State  NotifyState `json:"state"`
	Tries  int         `json:"tries,omitempty"`
	DueAt  time.Time   `json:"due_at,omitzero"`  // of the next try
	DoneAt time.Time   `json:"done_at,omitzero"` // when it was sent or given up
	Answer string      `json:"answer,omitempty"` // to the last try, without secrets
}

// NotifyVerb says what a notification does to the trouble it names.
type NotifyVerb string

// The verbs.
const (
	Trigger     NotifyVerb = "trigger"
	Acknowledge NotifyVerb = "acknowledge" // a person or an action is at it
	Resolve     NotifyVerb = "resolve"
	NotifyTest  NotifyVerb = "test" // a person tries the channel
)

// NotifyWhen is what has happened.
type NotifyWhen string

// What may have happened. A person is needed by the first seven.
const (
	WhenApproval     NotifyWhen = "awaiting_approval"
	WhenFailed       NotifyWhen = "failed"
	WhenInconclusive NotifyWhen = "inconclusive"
	WhenTimedOut     NotifyWhen = "timed_out"
	WhenUnknown      NotifyWhen = "unknown"
	WhenExhausted    NotifyWhen = "exhausted"
	WhenTripped      NotifyWhen = "tripped"  // a breaker did
	WhenHeld         NotifyWhen = "held"     // by any other guard
	WhenTaken        NotifyWhen = "taken"    // a person approved it
	WhenHealed       NotifyWhen = "healed"   // fresh samples are clear
	WhenResolved     NotifyWhen = "resolved" // the episode is over
	WhenClosed       NotifyWhen = "closed"   // a person denied, cancelled or closed it, or it was skipped
	WhenTest         NotifyWhen = "test"
)

// NeedsPerson reports whether Vigil stops there and waits for somebody.
func (w NotifyWhen) NeedsPerson() bool {
	return slices.Contains([]NotifyWhen{WhenApproval, WhenFailed, WhenInconclusive, WhenTimedOut, WhenUnknown, WhenExhausted, WhenTripped}, w)
}

// NotifyState is where the delivery of a notification stands.
type NotifyState string

// The states of a delivery; all but pending are final.
const (
	NotifyPending NotifyState = "pending"
	NotifySent    NotifyState = "sent"
	NotifyRefused NotifyState = "refused" // the other side will never take it
	NotifyDropped NotifyState = "dropped" // too old, or too many waited
)

// Channel is one way to people, as the configuration names it.
type Channel struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`             // webhook, slack, pagerduty, smtp or ntfy
	Routes []string `json:"routes,omitempty"` // what it is told: "needs_person of cpu-*"
}

// ChannelAnswer is what a channel answered to a test.
type ChannelAnswer struct {
	Channel string   `json:"channel"`
	OK      bool     `json:"ok"`
	Answer  string   `json:"answer"` // without secrets
	Took    Duration `json:"took"`
}
