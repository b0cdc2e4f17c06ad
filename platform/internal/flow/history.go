package flow

import "github.com/techmedaddy/vigil/sdk/vigil"

// Choice says which series are meant.
type Choice struct {
	Metric string                  // the only name they can have, "" for any
	Match  func(vigil.Series) bool // asked of each that has the name; by one goroutine
}

// Accepts reports whether a series is meant.
func (c Choice) Accepts(s vigil.Series) bool {
	return (c.Metric == "" || c.Metric == s.Name) && c.Match(s)
}

// History is what is known of one series in a range of time. Times are unix
// nanoseconds, ascending, each once.
type History struct {
	ID     uint64
	Meta   vigil.Series
	Times  []int64
	Values []float64
}
