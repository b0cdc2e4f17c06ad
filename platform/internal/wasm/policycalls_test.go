package wasm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const limitDir = "../../cmd/vigil/testdata/module/limit"

// answers is a recorded world that answers the sandbox.
type answers struct{ *recorded.World }

func (a answers) Call(_ context.Context, op string, request []byte) []byte {
	reply, _ := a.World.Call(op, request)
	return reply
}

// limited is the policy that asks for its limit, configured.
func limited(t *testing.T) (*wasm.Policy, flow.Ask) {
	t.Helper()
	p := open(t, engine(t, wasm.Options{}), build(t, limitDir))
	if err := p.Configure(t.Context(), 1, []byte(`{"metric":"most"}`)); err != nil {
		t.Fatal(err)
	}
	return p, flow.Ask{
		Config: 1, Now: time.Unix(1e9, 0), Seq: 1, Times: []int64{1}, Values: []float64{9},
		Runs: []flow.Run{{ID: 1, Meta: vigil.Series{Name: "load"}, Count: 1}},
	}
}

// most is the answer to a query: so many samples of 4 in series of a hundred.
func most(t *testing.T, samples int) recorded.Scene {
	t.Helper()
	var reply vigil.QueryReply
	for i := range samples / 100 {
		h := vigil.History{Series: vigil.Series{Name: "most", Labels: vigil.Labels{"host": fmt.Sprint("host-", i)}}}
		for j := range 100 {
			h.Times, h.Values = append(h.Times, int64(j)), append(h.Values, 4)
		}
		reply.Series = append(reply.Series, h)
	}
	data, err := json.Marshal(reply)
	if err != nil {
		t.Fatal(err)
	}
	return recorded.Scene{Answers: []recorded.Answer{{Op: vigil.OpQuery, Data: data}}, State: map[string]string{}}
}

func TestEvalWith_AnswersAGuestWhileItEvaluatesAndNoLonger(t *testing.T) {
	t.Parallel()
	p, ask := limited(t)
	f := func(said []flow.Judgement, err error, want string) {
		t.Helper()
		if err != nil || len(said) != 1 || said[0].Message != want {
			t.Errorf("said %+v, %v, want %q", said, err, want)
		}
	}
	said, err := p.Eval(t.Context(), ask)
	f(said, err, "query: denied")
	said, err = p.EvalWith(t.Context(), ask, answers{most(t, 100).World()})
	f(said, err, "9 is over 4, 1 so far")
	said, err = p.Eval(t.Context(), ask)
	f(said, err, "query: denied")
}

func TestEvalWith_TheLongestAnswerLeavesFuelToJudge(t *testing.T) {
	t.Parallel()
	p, ask := limited(t)
	said, err := p.EvalWith(t.Context(), ask, answers{most(t, 5_000).World()})
	if err != nil || len(said) != 1 || said[0].Verdict != vigil.VerdictFire {
		t.Fatalf("said %+v, %v", said, err)
	}
	const fuel = 200_000_000 // of an evaluation
	if p.Fuel() > fuel*2/3 {
		t.Errorf("it used %d of %d units of fuel", p.Fuel(), fuel)
	}
	t.Logf("%d units of fuel for 5,000 samples", p.Fuel())
}
