package recall

import (
	"context"
	"encoding/json"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The bounds of one evaluation.
const (
	maxCalls      = 16                     // host calls
	callTime      = 100 * time.Millisecond // of all of them, when the next one is refused
	maxAnswer     = 1 << 20                // bytes of one answer
	maxTranscript = 64 << 10               // bytes of requests and answers that are kept
)

// Guest answers the host calls of one instance of a policy module, which
// belongs to one goroutine. Between Begin and End lies one evaluation.
type Guest struct {
	r      *Recall
	module vigil.Module
	verbs  map[string]capability.Verb
	policy string
	visit  *visit // nil until the evaluation first asks for state
	calls  []vigil.HostCall
	took   time.Duration
	room   int // bytes that the transcript may still take
}

// For returns who answers one instance of a policy module.
func (r *Recall) For(m vigil.Module) *Guest {
	g := &Guest{r: r, module: m}
	g.verbs = verbs(r.o.Selector, m.Name, r.query, g.state)
	return g
}

// Begin begins an evaluation for a policy.
func (g *Guest) Begin(policy string) {
	g.policy, g.calls, g.took, g.room = policy, nil, 0, maxTranscript
}

// End ends the evaluation, keeps what it wrote or takes that back, and returns
// its transcript, nil if it asked for nothing.
func (g *Guest) End(keep bool) []vigil.HostCall {
	if g.visit != nil {
		g.visit.leave(keep)
		g.visit = nil
	}
	calls := g.calls
	g.calls = nil
	return calls
}

// Call answers one host call with the JSON of a vigil.CallReply.
func (g *Guest) Call(ctx context.Context, op string, req []byte) []byte {
	if len(g.calls) >= maxCalls || g.took > callTime {
		return g.refuse(vigil.Errorf(vigil.Held, "guest_quota", "more than %d host calls or %s of them in one evaluation", maxCalls, callTime))
	}
	line := vigil.HostCall{Op: capability.Bounded(op), StartedAt: g.r.o.Now()}
	data, err := g.answer(ctx, op, req, &line)
	line.Took = vigil.Duration(max(0, g.r.o.Now().Sub(line.StartedAt)))
	g.took += line.Took.D()
	if err != nil {
		line.Code, line.Message = vigil.CodeOf(err), vigil.AsError(err).Msg
		if vigil.KindOf(err) == vigil.Internal {
			g.r.o.Log.ErrorContext(ctx, "host call failed", "policy", g.policy, "err", err)
		}
	}
	g.keep(line, req, data)
	return capability.EncodeReply(data, err)
}

// refuse answers this call and all that follow; the transcript says so once.
func (g *Guest) refuse(err *vigil.Error) []byte {
	if n := len(g.calls); n == 0 || g.calls[n-1].Op != vigil.OpEvery {
		g.calls = append(g.calls, vigil.HostCall{Op: vigil.OpEvery, Code: err.Code, Message: err.Msg, StartedAt: g.r.o.Now()})
	}
	return capability.EncodeReply(nil, err)
}

// answer checks a call and carries it out.
func (g *Guest) answer(ctx context.Context, op string, req []byte, line *vigil.HostCall) (json.RawMessage, error) {
	verb, known := g.verbs[op]
	if !known {
		line.Target = "policy:" + g.module.Name
		err := vigil.Errorf(vigil.Unauthorised, "capability_denied", "a policy may only use query and state, not %s", line.Op)
		g.r.told.refused(g, line, err)
		return nil, err
	}
	deed, err := verb(req)
	if err != nil {
		return nil, err
	}
	line.Target = deed.Target
	if err := g.r.allow(ctx, g.module.Digest, op, deed.Target); err != nil {
		g.r.told.refused(g, line, err)
		return nil, err
	}
	g.r.told.allowed(g, line)
	answer, err := deed.Do(ctx)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(answer.Data)
	if err == nil && len(data) > maxAnswer {
		return nil, vigil.Errorf(vigil.TooLarge, "query_limit", "an answer of %d bytes; the limit is %d", len(data), maxAnswer).With("limit", maxAnswer)
	}
	return data, err
}

// keep adds a line to the transcript. What finds no room leaves its length.
func (g *Guest) keep(line vigil.HostCall, req []byte, data json.RawMessage) {
	if size := len(req) + len(data); size <= g.room && json.Valid(req) {
		g.room -= size
		line.Request, line.Reply = req, data
	} else {
		line.Cut = size
	}
	g.calls = append(g.calls, line)
}

// state answers within the evaluation's one visit.
func (g *Guest) state(ctx context.Context, ask vigil.StateRequest) (_ vigil.StateReply, err error) {
	if g.visit == nil {
		if g.visit, err = g.r.enter(ctx, spaceOf(g.module)); err != nil {
			return vigil.StateReply{}, err
		}
	}
	return g.visit.do(ask)
}
