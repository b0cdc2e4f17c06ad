package policy_test

import (
	"fmt"

	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

// Latency is what a module's author writes: settings, a policy, and, in the
// module itself, func init() { policy.Register(&Slow{}) }.
type Latency struct {
	Limit float64 `json:"limit" doc:"seconds a request may take"`
}

// Slow fires while requests take longer than the limit.
type Slow struct{}

func (*Slow) Evaluate(b policy.Batch, s Latency, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		for i, v := range series.Values() {
			if v > s.Limit {
				out.Fire(series.At(i), "requests to "+series.Label("path")+" are slow")
			} else {
				out.OK(series.At(i))
			}
		}
	})
}

func ExamplePolicy() {
	vector, err := policytest.Parse([]byte(`{
		"settings": {"limit": 0.5},
		"series": [{"name": "latency", "labels": {"path": "/pay"}, "samples": [[0, 0.1], [10, 0.9], [20, 0.8], [30, 0.2]]}]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	said, err := policytest.NewPlayer(policy.NewGuest(&Slow{})).Play(vector, policytest.Splits()[0])
	for _, d := range said {
		fmt.Printf("%s %q\n", d.Kind, *d.Message)
	}
	fmt.Println(err)
	// Output:
	// ok ""
	// fire "requests to /pay are slow"
	// ok ""
	// <nil>
}
