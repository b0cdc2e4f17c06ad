// Kick is an action that Vigil does not bring along, so that nobody has granted
// it anything.
package main

import (
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// With is empty.
type With struct{}

// Kick is the action.
type Kick struct{}

// Run restarts the service that the target names.
func (*Kick) Run(ctx action.Context, in vigil.ActionInput, _ With) vigil.ActionOutput {
	var status vigil.ServiceStatus
	if err := ctx.Call("service.restart", vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}, &status); err != nil {
		return action.Fail(err)
	}
	return action.Done("kicked "+in.Target.Name, status)
}

func init() { action.Register(&Kick{}) }

func main() {}
