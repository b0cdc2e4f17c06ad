package flow

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Query asks for the value of a PromQL expression at one time.
type Query struct {
	Text     string
	At       time.Time     // whole milliseconds
	Lookback time.Duration // how old a sample may be that stands for the present
}

// QueryResult is one series of an answer. Newest is the time of the newest
// sample it can be said to rest on; zero if it rests on the absence of any, as
// absent(x) does.
type QueryResult struct {
	Series vigil.Series
	Value  float64
	Newest time.Time
}

// QueryForm is what can be said of an expression without evaluating it.
type QueryForm struct {
	Reach  time.Duration // how far before the present it looks: 5m for rate(x[5m])
	Labels []string      // that its results may have
	Open   bool          // they may have others as well
}

// QueryState is how a policy's query has fared since the policy was put in force.
type QueryState struct {
	At      time.Time      `json:"at,omitzero"` // time of the last evaluation
	Took    vigil.Duration `json:"took"`
	Results int            `json:"results"` // of the last evaluation
	Asked   uint64         `json:"asked"`
	Failed  uint64         `json:"failed"`
	Skipped uint64         `json:"skipped"` // evaluations left out because it was too late for them
	Error   string         `json:"error,omitempty"`
	Code    string         `json:"code,omitempty"` // of the error
}
