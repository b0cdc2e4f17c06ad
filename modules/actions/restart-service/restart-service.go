// Restart-service is the action that restarts the target's service.
//
// It promises one host call, service.restart on the service that the target
// names, and answers how the service stands afterwards. Restarting what was
// just restarted does no harm but the interruption, so the action is
// idempotent. How a service is restarted is left to its driver, whether that
// helped to the policy.
package main

import (
	"fmt"

	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// With is empty: all there is to say is in the target.
type With struct{}

// RestartService is the action.
type RestartService struct{}

// Run restarts the service that the target names.
func (r *RestartService) Run(ctx action.Context, in vigil.ActionInput, _ With) vigil.ActionOutput {
	if in.Target.Kind != "service" {
		return action.Fail(vigil.Errorf(vigil.Invalid, "target_unsupported", "restart-service treats services, not %s", in.Target))
	}
	if in.Previous != "" {
		ctx.Log("attempt %d: how the one before it ended is %s; restarting again does no harm", in.Attempt, in.Previous)
	}
	var status vigil.ServiceStatus
	request := vigil.ServiceRequest{Service: in.Target.Name, DryRun: in.DryRun}
	if err := ctx.Call("service.restart", request, &status); err != nil {
		return action.Fail(err)
	}
	if in.DryRun {
		return action.Done("would restart "+in.Target.Name, status)
	}
	return action.Done(restarted(status), status)
}

func restarted(s vigil.ServiceStatus) string {
	if s.PID == 0 || s.PIDBefore == 0 {
		return "restarted " + s.Service
	}
	return fmt.Sprintf("restarted %s: pid %d became %d", s.Service, s.PIDBefore, s.PID)
}

func init() { action.Register(&RestartService{}) }

func main() {}
