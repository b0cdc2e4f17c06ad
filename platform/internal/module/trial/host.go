package trial

import (
	"context"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// host stands where the policy engine stands: it makes of a player's bytes
// what the engine would ask the sandbox, so that the whole host path is tried.
type host struct {
	configure func(config uint32, settings []byte) error
	eval      func(flow.Ask, answers) ([]flow.Judgement, error)
	answers   answers
	series    map[uint64]vigil.Series
	seq       uint64
}

// answers adapts who answers a vector's host calls to the sandbox.
type answers struct{ policytest.Caller }

// Call never fails: what answers vectors always has an answer.
func (a answers) Call(_ context.Context, op string, request []byte) []byte {
	reply, _ := a.Caller.Call(op, request)
	return reply
}

// AnswerWith sets who answers the next batches.
func (h *host) AnswerWith(c policytest.Caller) { h.answers = answers{c} }

// asking is a policy that somebody may answer.
type asking interface {
	EvalWith(ctx context.Context, ask flow.Ask, calls interface {
		Call(ctx context.Context, op string, request []byte) []byte
	}) ([]flow.Judgement, error)
}

func hosted(ctx context.Context, p Policy) *host {
	return &host{
		configure: func(config uint32, settings []byte) error { return p.Configure(ctx, config, settings) },
		eval: func(ask flow.Ask, calls answers) ([]flow.Judgement, error) {
			if asks, may := p.(asking); may && calls.Caller != nil {
				return asks.EvalWith(ctx, ask, calls)
			}
			return p.Eval(ctx, ask)
		},
		series: map[uint64]vigil.Series{},
	}
}

// Configure hands the settings on.
func (h *host) Configure(config uint32, settings []byte) error { return h.configure(config, settings) }

// Series keeps what a dictionary says; the sandbox tells the guest itself.
func (h *host) Series(b []byte) error {
	entries, err := abi.ReadDictionary(b)
	if err != nil {
		return err
	}
	for _, e := range entries {
		s := vigil.Series{Labels: vigil.Labels{}}
		for i := 0; i+1 < len(e.Labels); i += 2 {
			if e.Labels[i] == "__name__" {
				s.Name = e.Labels[i+1]
				continue
			}
			s.Labels[e.Labels[i]] = e.Labels[i+1]
		}
		h.series[e.ID] = s
	}
	return nil
}

// Eval asks the sandbox and writes the judgements as a guest would.
func (h *host) Eval(b []byte) ([]byte, error) {
	batch, err := abi.ReadBatch(b)
	if err != nil {
		return nil, err
	}
	h.seq++
	ask := flow.Ask{Config: batch.Config, Now: time.Unix(0, batch.Now), Seq: h.seq, Times: batch.Times, Values: batch.Values}
	for _, r := range batch.Rows {
		ask.Runs = append(ask.Runs, flow.Run{ID: r.ID, Meta: h.series[r.ID], First: r.First, Count: r.Count, Flags: r.Flags})
	}
	said, err := h.eval(ask, h.answers)
	if err != nil {
		return nil, err
	}
	return abi.AppendDecisions(nil, decisions(said)), nil
}

func decisions(said []flow.Judgement) []abi.Decision {
	kinds := map[string]abi.Kind{}
	for _, k := range []abi.Kind{abi.KindOK, abi.KindFire, abi.KindNoData, abi.KindInfo} {
		kinds[k.String()] = k
	}
	out := make([]abi.Decision, len(said))
	for i, j := range said {
		out[i] = abi.Decision{
			Series: uint32(j.Run), Kind: kinds[string(j.Verdict)], Severity: j.Severity, Runbook: j.Runbook,
			Value: j.Value, Score: j.Score, At: j.At.UnixNano(), Message: []byte(j.Message),
		}
	}
	return out
}
