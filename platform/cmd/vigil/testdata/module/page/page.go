// Page is an action that treats nothing: it looks at a disk and tells a pager.
package main

import (
	"fmt"

	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// With says where to look.
type With struct {
	Dir  string `json:"dir" doc:"the directory to list"`
	Path string `json:"path" doc:"the path to page at"`
}

// Page is the action.
type Page struct{}

// Run lists the directory with the host's command list and sends what it says
// to the host's endpoint pager.
func (*Page) Run(ctx action.Context, in vigil.ActionInput, with With) vigil.ActionOutput {
	listed, err := ctx.Run(vigil.CommandRequest{Command: "list", Args: map[string]string{"dir": with.Dir}, DryRun: in.DryRun})
	if err != nil {
		return action.Fail(err)
	}
	reply, err := ctx.HTTP(vigil.HTTPRequest{
		Endpoint: "pager", Method: "POST", Path: with.Path, DryRun: in.DryRun,
		Header: map[string]string{"Content-Type": "text/plain", "Idempotency-Key": in.Remediation},
		Body:   vigil.Body(in.Target.Name + ": " + listed.Output),
	})
	if err != nil {
		return action.Fail(err)
	}
	if reply.Status >= 300 {
		return action.Fail(vigil.Errorf(vigil.Unavailable, "page_refused", "the pager answered %d", reply.Status))
	}
	return action.Done(fmt.Sprintf("paged: %d %.6s", reply.Status, reply.Body), nil)
}

func init() { action.Register(&Page{}) }

func main() {}
