package vigil

import "time"

// Verdict is what one evaluation said of one series.
type Verdict string

// The verdicts. A guest says ok, fire, no_data or info; pending and error are
// the host's words.
const (
	VerdictOK      Verdict = "ok"
	VerdictInfo    Verdict = "info"    // worth telling, never acted on
	VerdictPending Verdict = "pending" // bad, but not yet for as long as `for` asks
	VerdictFire    Verdict = "fire"
	VerdictNoData  Verdict = "no_data" // silence or non-finite values; never fires a value policy
	VerdictError   Verdict = "error"   // the guest failed; never an action
)

// Decision is what a policy said of a target at one time, and why. Rows are
// written when the verdict or the block reason changes, never per evaluation.
type Decision struct {
	ID       string        `json:"id"`
	Policy   string        `json:"policy"`
	Digest   string        `json:"digest"` // of the policy's module
	Series   Series        `json:"series"`
	Target   Target        `json:"target"`
	Verdict  Verdict       `json:"verdict"`
	Value    float64       `json:"value"`
	Reason   string        `json:"reason,omitempty"` // the guest's words
	At       time.Time     `json:"at"`               // time of the sample that decided
	Received time.Time     `json:"received"`         // when the collector received it
	Samples  []Observation `json:"samples,omitempty"`

	// What else a replay needs, if the guest asked the host and the decision may
	// lead to an action: the evaluation's time and number, and its host calls.
	Evaluated time.Time  `json:"evaluated,omitzero"`
	Seq       uint64     `json:"seq,omitempty"`
	Calls     []HostCall `json:"calls,omitempty"`
}

// Observation is a value at a time, of a series named elsewhere.
type Observation struct {
	Time  time.Time `json:"ts"`
	Value float64   `json:"value"`
}

// EpisodeState is the life of an episode: pending, firing, resolved.
type EpisodeState string

// The episode states.
const (
	EpisodePending  EpisodeState = "pending"
	EpisodeFiring   EpisodeState = "firing"
	EpisodeResolved EpisodeState = "resolved"
)

// Episode is the time one policy finds one target bad. Its fingerprint is
// policy + target; Since is when the condition first held.
type Episode struct {
	ID       string       `json:"id"`
	Policy   string       `json:"policy"`
	Target   Target       `json:"target"`
	Series   Series       `json:"series"` // the series that speaks for the target
	State    EpisodeState `json:"state"`
	Since    time.Time    `json:"since"`
	FiredAt  time.Time    `json:"fired_at,omitzero"`
	ClearAt  time.Time    `json:"clear_at,omitzero"` // since when it has been clear, while recovering
	EndedAt  time.Time    `json:"ended_at,omitzero"`
	LastAt   time.Time    `json:"last_at"` // time of the newest sample judged
	Value    float64      `json:"value"`
	Reason   string       `json:"reason,omitempty"`
	Decision string       `json:"decision,omitempty"` // id of the decision that fired
}

// Fingerprint names the trouble, not the try: policy and target.
func (e Episode) Fingerprint() string { return e.Policy + "|" + e.Target.String() }
