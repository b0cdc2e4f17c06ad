// Limit is a policy that asks: it reads the line from another metric, and keeps
// count of what was over it.
package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/policy"
)

// Settings name the metric whose newest value is the line.
type Settings struct {
	Metric string `json:"metric" pattern:"^[a-z_]*$" doc:"the metric that holds the limit"`
}

// Limit is the policy; all that it keeps is in State.
type Limit struct{}

// Evaluate judges every sample by one answer. What it cannot know it says.
func (*Limit) Evaluate(b policy.Batch, s Settings, out *policy.Decisions) {
	if b.Len() == 0 {
		return
	}
	line, err := newest(b, s.Metric)
	b.Each(func(series policy.Series) {
		for i, v := range series.Values() {
			switch {
			case err != nil:
				out.Info(series.At(i), err.Error())
			case v <= line:
				out.OK(series.At(i))
			default:
				n, lost := count(b.State())
				if lost != nil {
					out.Info(series.At(i), lost.Error())
					continue
				}
				out.Fire(series.At(i), fmt.Sprintf("%g is over %g, %d so far", v, line, n))
			}
		}
	})
}

func newest(b policy.Batch, metric string) (float64, error) {
	found, err := b.Query(metric, time.Hour)
	if err != nil {
		return 0, err
	}
	if len(found) == 0 {
		return 0, fmt.Errorf("no %s in the last hour", metric)
	}
	values := found[0].Values
	return values[len(values)-1], nil
}

// count adds one to what was counted before, whenever that was.
func count(s policy.State) (int, error) {
	text, _, err := s.Get("over")
	if err != nil {
		return 0, err
	}
	n, _ := strconv.Atoi(string(text)) // nothing yet is 0
	n++
	return n, s.Set("over", []byte(strconv.Itoa(n)))
}

func init() { policy.Register(&Limit{}) }

func main() {}
