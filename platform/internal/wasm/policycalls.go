package wasm

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/recorded"
)

// EvalWith is Eval for a guest that may ask: calls answers its host calls, from
// the goroutine of EvalWith and at no other time.
func (p *Policy) EvalWith(ctx context.Context, ask flow.Ask, calls interface {
	Call(ctx context.Context, op string, request []byte) []byte
},
) ([]flow.Judgement, error) {
	w := p.inst.world
	w.caller, w.calls = calls, 0
	defer func() { w.caller, w.reply = nil, nil }()
	return p.Eval(ctx, ask)
}

// scene answers host calls as a vector says.
type scene struct{ world *recorded.World }

func (s scene) Call(_ context.Context, op string, request []byte) []byte {
	reply, _ := s.world.Call(op, request) // a world always has an answer
	return reply
}
