// Odd is a policy that no built-in one can imitate: it fires while the newest
// value is odd. A negative one is more than it can bear.
package main

import (
	"math"

	"github.com/techmedaddy/vigil/sdk/policy"
)

// Settings are none.
type Settings struct{}

// Odd is the policy; it keeps no state.
type Odd struct{}

// Evaluate judges every sample.
func (*Odd) Evaluate(b policy.Batch, _ Settings, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		for i, v := range series.Values() {
			if v < 0 {
				panic("a negative number")
			}
			if math.Abs(math.Mod(v, 2)) == 1 {
				out.Fire(series.At(i), "how odd")
			} else {
				out.OK(series.At(i))
			}
		}
	})
}

func init() { policy.Register(&Odd{}) }

func main() {}
