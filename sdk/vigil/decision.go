package vigil

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

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
	Basis    Basis         `json:"basis,omitempty"` // whose word it is; "": the guest's
	Silence  *Silence      `json:"silence,omitempty"`
	Bare     bool          `json:"bare,omitempty"` // the sample that decided is a result that rests on none

	// What else a replay needs: what the guest was configured with, the time,
	// number and flags of its evaluation, and what it asked of the host.
	Revision  int64           `json:"revision,omitempty"` // of the policy
	Settings  json.RawMessage `json:"settings,omitempty"`
	Lookback  Duration        `json:"lookback,omitempty"`
	Engine    string          `json:"engine,omitempty"`    // who judged
	Config    uint32          `json:"config,omitempty"`    // the policy's number in its guest
	SeriesID  uint64          `json:"series_id,omitempty"` // the series' number in its guest
	Flags     uint32          `json:"flags,omitempty"`     // of the series' row
	Evaluated time.Time       `json:"evaluated,omitzero"`
	Seq       uint64          `json:"seq,omitempty"`
	Calls     []HostCall      `json:"calls,omitempty"`
	Beside    []Beside        `json:"beside,omitempty"` // if there are calls: the series that stood before this one in the batch
}

// Beside is another series of the batch that a guest was asked about: what it
// asked of the host for that one came first.
type Beside struct {
	SeriesID uint64        `json:"series_id"`
	Series   Series        `json:"series"`
	Flags    uint32        `json:"flags,omitempty"`
	Samples  []Observation `json:"samples"`
}

// Basis is whose word a decision is, when it is not the guest's.
type Basis string

// The bases.
const (
	BasisSilence Basis = "silence" // no sample for the lookback: the host's word
	BasisBackoff Basis = "backoff" // the module had failed and was not asked
	BasisQuery   Basis = "query"   // the policy's query could not be answered
	BasisAbsence Basis = "absence" // the result rests on no sample, and the module said nothing
)

// Silence is why the host takes a series for silent: at the time of the look
// its newest sample was older than the lookback.
type Silence struct {
	Newest time.Time `json:"newest"` // time of the newest sample
	Heard  time.Time `json:"heard"`  // when it was received
	Looked time.Time `json:"looked"`
}

// Lasts reports whether a series is silent: a sample from the future is as old
// as its receipt.
func (s Silence) Lasts(lookback time.Duration) bool {
	last := s.Newest
	if last.After(s.Heard) {
		last = s.Heard
	}
	return s.Looked.Sub(last) > lookback
}

// Observation is a value at a time, of a series named elsewhere. In JSON a value
// that is not finite is "NaN", "+Inf" or "-Inf".
type Observation struct {
	Time  time.Time `json:"ts"`
	Value float64   `json:"value"`
}

// observation is an Observation in JSON.
type observation struct {
	Time  time.Time       `json:"ts"`
	Value json.RawMessage `json:"value"`
}

// MarshalJSON writes the value also if it is not finite.
func (o Observation) MarshalJSON() ([]byte, error) {
	text := strconv.AppendFloat(nil, o.Value, 'g', -1, 64)
	if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
		text = strconv.AppendQuote(nil, string(text))
	}
	return json.Marshal(observation{o.Time, text})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *Observation) UnmarshalJSON(doc []byte) (err error) {
	var in observation
	if err := json.Unmarshal(doc, &in); err != nil {
		return err
	}
	o.Time = in.Time
	if o.Value, err = strconv.ParseFloat(string(bytes.Trim(in.Value, `"`)), 64); err != nil {
		return fmt.Errorf("value %.40q is no number", in.Value)
	}
	return nil
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
