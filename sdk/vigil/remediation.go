package vigil

import (
	"encoding/json"
	"time"
)

// Origin says who asked for a remediation.
type Origin string

// The origins.
const (
	FromPolicy Origin = "policy"
	FromPerson Origin = "manual"
	FromUndo   Origin = "undo" // takes back what another remediation did
)

// Remediation is the intent to treat one episode (or one person's wish): what
// to do to which target, how far it got, and whether it helped. It carries a
// copy of the runbook and limits it was planned with, so that a later edit of
// the policy cannot change what was agreed.
type Remediation struct {
	ID           string       `json:"id"`
	Tenant       string       `json:"tenant"`
	Origin       Origin       `json:"origin"`
	By           string       `json:"by"` // principal that asked, or policy:NAME
	Policy       string       `json:"policy,omitempty"`
	Digest       string       `json:"digest,omitempty"`   // of the policy's module
	Revision     int64        `json:"revision,omitempty"` // of the policy it was planned with
	Episode      string       `json:"episode,omitempty"`
	Decision     string       `json:"decision,omitempty"`
	Target       Target       `json:"target"`
	Group        string       `json:"group,omitempty"`  // that caps and storms count it in, such as env=prod
	Undoes       string       `json:"undoes,omitempty"` // id of the remediation whose last deed it takes back
	Reason       string       `json:"reason"`           // why, in the policy's or the person's words
	Value        float64      `json:"value"`
	State        State        `json:"state"`
	Hold         *Hold        `json:"hold,omitempty"` // why blocked or skipped
	Step         int          `json:"step"`           // index into Runbook
	Runbook      []Step       `json:"runbook"`
	Guards       Guards       `json:"guards"`
	Verify       Verify       `json:"verify"`
	RecoverFor   Duration     `json:"recover_for"`
	Attempts     []Attempt    `json:"attempts,omitempty"`
	Verification Verification `json:"verification,omitzero"`
	HandOff      *HandOff     `json:"hand_off,omitempty"`   // nil unless a person has to go on
	SampleAt     time.Time    `json:"sample_at,omitzero"`   // time of the sample that fired
	ReceivedAt   time.Time    `json:"received_at,omitzero"` // when the collector received it
	CreatedAt    time.Time    `json:"created_at"`
	PlannedAt    time.Time    `json:"planned_at,omitzero"` // when the present step was decided, or a person asked; max_age and approve_within count from it
	UpdatedAt    time.Time    `json:"updated_at"`
	EndedAt      time.Time    `json:"ended_at,omitzero"`
	Trace        string       `json:"trace,omitempty"`       // W3C traceparent the story hangs on
	ParentSpan   string       `json:"parent_span,omitempty"` // hex id of the span that Trace's span is a child of
	Version      int64        `json:"version"`               // compare-and-set counter
	Asked        string       `json:"asked,omitempty"`       // digest of the present step's action when a person was asked about it
	Preview      *Preview     `json:"preview,omitempty"`     // in answers to who asks for one that has not begun
}

// HandOff says that all a policy may do was done in vain, and that a person goes
// on.
type HandOff struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"`    // who gave up: policy:NAME
	Why   string    `json:"why"`   // what ended the last step
	Tried []string  `json:"tried"` // the actions that ran, in order, each with what came of it
}

// Attempt is one run of one action.
type Attempt struct {
	N          int        `json:"n"`    // 1 for the first of the remediation
	Step       int        `json:"step"` // index into the runbook
	Action     string     `json:"action"`
	Digest     string     `json:"digest"`
	Remediator string     `json:"remediator"`
	Fence      uint64     `json:"fence"`
	Previous   string     `json:"previous,omitempty"` // "unknown" when an earlier start may have run
	LeasedAt   time.Time  `json:"leased_at"`
	LeaseUntil time.Time  `json:"lease_until"`
	StartedAt  time.Time  `json:"started_at,omitzero"`
	EndedAt    time.Time  `json:"ended_at,omitzero"`
	OK         bool       `json:"ok"`
	Code       string     `json:"code,omitempty"`
	Message    string     `json:"message,omitempty"`
	Calls      []HostCall `json:"calls,omitempty"`
	Log        []string   `json:"log,omitempty"`
}

// HostCall is one line of the transcript of an attempt or of an evaluation: what
// the guest asked of the host, whether it was granted, and what came back.
type HostCall struct {
	Op        string          `json:"op"`
	Target    string          `json:"target,omitempty"`
	Request   json.RawMessage `json:"request,omitempty"`
	Reply     json.RawMessage `json:"reply,omitempty"`
	Code      string          `json:"code,omitempty"` // "" when it went well
	Message   string          `json:"message,omitempty"`
	Cut       int             `json:"cut,omitempty"` // bytes of the reply that are not kept
	StartedAt time.Time       `json:"started_at"`
	Took      Duration        `json:"took"`
}

// Verification is how healing was shown, or was not.
type Verification struct {
	After    time.Time `json:"after,omitzero"` // only samples newer than this count
	From     time.Time `json:"from,omitzero"`  // After plus the time to stabilise
	Until    time.Time `json:"until,omitzero"`
	ClearAt  time.Time `json:"clear_at,omitzero"`  // since when fresh samples are clear
	BadAt    time.Time `json:"bad_at,omitzero"`    // since when those from after From are bad
	SampleAt time.Time `json:"sample_at,omitzero"` // time of the newest fresh sample judged
	Seen     int       `json:"seen"`               // fresh judgements so far
	Firing   bool      `json:"firing"`             // what the newest one said
	Value    float64   `json:"value"`
	WantPID  int       `json:"want_pid,omitempty"` // manual: the service must be up with this pid
}

// Open reports whether the remediation occupies its target.
func (r Remediation) Open() bool { return !r.State.Final() }

// Current returns the latest attempt, nil before the first.
func (r *Remediation) Current() *Attempt {
	if len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}
