package wasm

import (
	"context"
	"runtime/debug"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Witness is a policy guest that hears from the host what a transcript says, and
// nothing else.
type Witness struct {
	*Policy
	transcript *recorded.Transcript
}

// Witness makes the instance one.
func (p *Policy) Witness(calls []vigil.HostCall) *Witness {
	return &Witness{p, recorded.Replay(calls)}
}

// Eval judges with the transcript's answers.
func (w *Witness) Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error) {
	return w.EvalWith(ctx, ask, w)
}

// Call answers as the host did.
func (w *Witness) Call(_ context.Context, op string, request []byte) []byte {
	reply, _ := w.transcript.Call(op, request) // a transcript always has an answer
	return reply
}

// Calls are none: those of a replay are no news.
func (w *Witness) Calls() []vigil.HostCall { return nil }

// Runtime names the engine that runs guests, and its version.
func Runtime() string {
	const path = "github.com/tetratelabs/wazero"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return "wazero " + m.Version
			}
		}
	}
	return "wazero"
}
