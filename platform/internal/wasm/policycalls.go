package wasm

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// EvalWith is Eval for a guest that may ask: calls answers its host calls, from
// the goroutine of EvalWith and at no other time.
func (p *Policy) EvalWith(ctx context.Context, ask flow.Ask, calls Caller) ([]flow.Judgement, error) {
	w := p.inst.world
	w.caller, w.calls = calls, 0
	defer func() { w.caller, w.reply = nil, nil }()
	return p.Eval(ctx, ask)
}
