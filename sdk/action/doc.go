// Package action is what the author of an action module writes against.
//
// An action treats one target, once. It is an ordinary Go value with one
// method:
//
//	type With struct {
//		Drain bool `json:"drain" doc:"let open connections end first"`
//	}
//
//	type Reload struct{}
//
//	func (r *Reload) Run(ctx action.Context, in vigil.ActionInput, with With) vigil.ActionOutput {
//		var status vigil.ServiceStatus
//		if err := ctx.Call("service.reload", vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}, &status); err != nil {
//			return action.Fail(err)
//		}
//		return action.Done("reloaded "+in.Target.Name, status)
//	}
//
//	func init() { action.Register(&Reload{}) }
//	func main() {}
//
// What the author may rely on: the step's parameters arrive decoded, members
// that the struct does not name are refused, and a Validate method on the
// struct is asked first. Every run has a fresh instance, so nothing is left of
// the run before. The world is reached through Context.Call only (HTTP and Run
// are calls with their types), and each call is held against the grants of the
// module's digest.
//
// What is asked of the author: pass DryRun on with every call. If
// ActionInput.Previous is "unknown", an earlier start may have run; a module
// whose manifest says `idempotent: true` must then do no harm.
//
// Whether the target healed is not for an action to say: the platform asks the
// policy again, on fresh samples. Package actiontest runs an action in a fake
// world.
package action
