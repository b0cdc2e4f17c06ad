// Threshold is the policy that fires while a value is above or below a line.
//
// It promises one decision where the verdict changes, and one on the first
// sample of each batch, so that its decisions do not depend on where a batch
// ends. A value on the line is well; one that is no finite number is no data.
// Waiting until a condition has held for a while is left to the host.
package main

import (
	"math"
	"strconv"

	"github.com/techmedaddy/vigil/sdk/policy"
)

// Settings are the lines; at least one must be given. With both, values
// between them are well.
type Settings struct {
	Above *float64 `json:"above" doc:"fire above this value"`
	Below *float64 `json:"below" doc:"fire below this value"`
}

// Validate refuses settings that never or always fire.
func (s Settings) Validate() error {
	switch {
	case s.Above == nil && s.Below == nil:
		return policy.BadSetting("above", "give at least one of above and below")
	case s.Above != nil && s.Below != nil && *s.Below > *s.Above:
		return policy.BadSetting("below", "must not be more than above: every value would fire")
	}
	return nil
}

// Threshold is the policy; it keeps no state.
type Threshold struct{}

// Evaluate says of each series where its verdict changes. Most samples only
// continue a run, and are passed over.
func (t *Threshold) Evaluate(b policy.Batch, s Settings, out *policy.Decisions) {
	from, to := orElse(s.Below, -math.MaxFloat64), orElse(s.Above, math.MaxFloat64)
	b.Each(func(series policy.Series) {
		end := series.RunEnd(0, from, to)
		if end > 0 {
			out.OK(series.At(0))
		}
		if end < series.Len() {
			s.changes(out, series, end)
		}
	})
}

// changes says where the verdict changes from sample i on, which begins a run.
func (s *Settings) changes(out *policy.Decisions, series policy.Series, i int) {
	for last := none; i < series.Len(); {
		v := series.Values()[i]
		now := s.judge(v)
		if now.kind != last {
			s.tell(out, series.At(i), v, now.kind)
			last = now.kind
		}
		i = series.RunEnd(i+1, now.from, now.to)
	}
}

// kind is what Threshold says of a value.
type kind uint8

const (
	none kind = iota // before the first sample
	silent
	well
	high
	low
)

// verdict is a kind and the values that share it.
type verdict struct {
	kind     kind
	from, to float64
}

func (s *Settings) judge(v float64) verdict {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return verdict{silent, math.NaN(), math.NaN()}
	case s.Above != nil && v > *s.Above:
		return verdict{high, math.Nextafter(*s.Above, math.Inf(1)), math.MaxFloat64}
	case s.Below != nil && v < *s.Below:
		return verdict{low, -math.MaxFloat64, math.Nextafter(*s.Below, math.Inf(-1))}
	}
	return verdict{well, orElse(s.Below, -math.MaxFloat64), orElse(s.Above, math.MaxFloat64)}
}

func orElse(v *float64, other float64) float64 {
	if v == nil {
		return other
	}
	return *v
}

func (s *Settings) tell(out *policy.Decisions, series policy.Series, v float64, now kind) {
	switch now {
	case well:
		out.OK(series)
	case high:
		compare(out, series, v, " is above ", *s.Above)
	case low:
		compare(out, series, v, " is below ", *s.Below)
	default:
		out.NoData(series)
	}
}

func compare(out *policy.Decisions, series policy.Series, v float64, how string, line float64) {
	b := strconv.AppendFloat(make([]byte, 0, 64), v, 'g', 6, 64)
	b = strconv.AppendFloat(append(b, how...), line, 'g', 6, 64)
	out.Fire(series, string(b))
}

func init() { policy.Register(&Threshold{}) }

func main() {}
