package wasm_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// pageDir is the action of platform/cmd/vigil's scripts that sends a request.
const pageDir = "../../cmd/vigil/testdata/module/page"

// pager answers a command with nothing and a request with a body.
type pager struct{ body vigil.Body }

func (p pager) Call(_ context.Context, op string, _ []byte) []byte {
	var data any = vigil.CommandReply{}
	if op == "http.request" {
		data = vigil.HTTPReply{Status: 202, Body: p.body}
	}
	doc, _ := json.Marshal(data)
	reply, _ := json.Marshal(vigil.CallReply{OK: true, Data: doc})
	return reply
}

func TestRunAction_CanAffordTheLargestReply(t *testing.T) {
	t.Parallel()
	module := build(t, pageDir)
	in := vigil.ActionInput{
		Remediation: "r-1", Attempt: 1, Target: vigil.Target{Kind: "service", Name: "web"}, With: json.RawMessage(`{"dir":"/var/log","path":"/v1"}`),
	}
	for kind, fill := range map[string]string{"text": "x", "lines": "\n", "bytes": "\xff"} {
		e := engine(t, wasm.Options{})
		host := pager{vigil.Body("thanks" + strings.Repeat(fill, 1<<20-len("thanks")))}
		out, _, err := e.RunAction(t.Context(), digest(module), func() ([]byte, error) { return module, nil }, in, host)
		if err != nil || out.Message != "paged: 202 thanks" {
			t.Errorf("%s: %+v, %v", kind, out, err)
		}
		t.Logf("%s: %.3g units of fuel", kind, float64(e.Stats().Modules[0].Fuel))
	}
}
