// Package policy is what the author of a policy module writes against.
//
// A policy looks at samples and says of each series whether it is well. It is
// an ordinary Go value with one method, tested by an ordinary `go test`:
//
//	type Settings struct {
//		Above *float64 `json:"above" doc:"fire above this value"`
//	}
//
//	type Threshold struct{}
//
//	func (t *Threshold) Evaluate(b policy.Batch, s Settings, out *policy.Decisions) {
//		b.Each(func(series policy.Series) {
//			for i, v := range series.Values() {
//				if v > *s.Above {
//					out.Fire(series.At(i), "too high")
//				}
//			}
//		})
//	}
//
//	func init() { policy.Register(&Threshold{}) }
//	func main() {}
//
// What the author may rely on: settings arrive decoded, members that the
// struct does not name are refused, and a Validate method on the struct is
// asked before any sample. Samples of a series come in the order of time. One
// instance serves every policy that uses the module, each with its own
// settings, and is never called twice at once.
//
// A loop over samples costs a sandbox far more than it does natively. A policy
// that has to look only where something changes asks Series.RunEnd for it.
//
// What is asked of the author: a decision holds from its sample until the next
// decision on the same series, and the host may cut or merge batches as load
// asks, so the decisions must not depend on where a batch ends. Values that are
// no finite number are no data. State is kept by Batch.Config and Series.ID.
// Waiting (`for`, `recover_for`), targets and guards are the host's affair.
//
// Package policytest runs a policy over recorded samples, cut in three ways.
// The bytes are those of package abi.
package policy
