package flow

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Principal is who asks, in which tenant. From is the audit log's word for it.
type Principal struct {
	Name   string // "local" for a loopback request without a credential
	Tenant string // "default" unless a credential says otherwise
}

// Batch is a request's samples in columns: times and values side by side, one
// Run per series. It is immutable once ingest has handed it on.
type Batch struct {
	Tenant   string
	By       string    // principal that sent it
	Received time.Time // by the collector's clock
	Runs     []Run
	Times    []int64 // unix nanoseconds, ascending within a run
	Values   []float64
	Trail    *Trail // where the batch came from, for the trace
}

// Run says which rows of a batch belong to one series.
type Run struct {
	ID    uint64       // of the series, given by the metric store
	Meta  vigil.Series // name and labels; shared, never changed
	First uint32       // index of the run's first row
	Count uint32
	Flags uint32 // abi.FlagStale, …
	Home  uint32 // Home of the series' host label
}

// Rejection names a well-formed sample that was not admitted.
type Rejection struct {
	Index int    `json:"index"`
	Field string `json:"field"`
	Code  string `json:"code"`
}

// Receipt is the answer to an ingest request: everything it counts as accepted
// is on disk. It counts what its protocol refuses by itself: samples, points or
// lines.
type Receipt struct {
	Accepted int
	Refused  int
	Rejected []Rejection // the first of those refused, by index
	Skipped  int         // values that are no numbers, which the protocol allows
	Fields   []string    // names of some of these
}

// Ask is one call of a policy guest: the rows of a batch that one policy
// selected, in columns, or no rows at all (a tick: time passes).
type Ask struct {
	Config uint32 // which policy of the module's instance
	Policy string // its name
	Now    time.Time
	Seq    uint64
	Replay bool // rebuild state; the answers are discarded
	Runs   []Run
	Times  []int64
	Values []float64
}

// Judgement is one decision of a guest, checked by the host: Run is in range,
// Verdict is one of ok, fire, no_data and info.
type Judgement struct {
	Run      int // index into Ask.Runs
	Verdict  vigil.Verdict
	Severity uint8
	Runbook  uint16 // 0xFFFF: the policy's own
	Value    float64
	Score    float64
	At       time.Time
	Message  string
}

// GuestCost is what a guest has used until now.
type GuestCost struct {
	Fuel  uint64
	Time  time.Duration // in the guest, with the host calls it made
	Pages uint32        // of 64 KiB, of memory
}
