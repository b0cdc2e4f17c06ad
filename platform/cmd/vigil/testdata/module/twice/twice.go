// Twice is an action of two host calls, so that something can happen between
// them.
package main

import (
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// With is empty.
type With struct{}

// Twice is the action.
type Twice struct{}

// Run restarts the service that the target names, and once more.
func (*Twice) Run(ctx action.Context, in vigil.ActionInput, _ With) vigil.ActionOutput {
	var status vigil.ServiceStatus
	for range 2 {
		if err := ctx.Call("service.restart", vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}, &status); err != nil {
			return action.Fail(err)
		}
	}
	return action.Done("restarted "+in.Target.Name+" twice", status)
}

func init() { action.Register(&Twice{}) }

func main() {}
