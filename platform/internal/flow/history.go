package flow

import "github.com/techmedaddy/vigil/sdk/vigil"

// History is what is known of one series in a range of time. Times are unix
// nanoseconds, ascending, each once.
type History struct {
	ID     uint64
	Meta   vigil.Series
	Times  []int64
	Values []float64
}
