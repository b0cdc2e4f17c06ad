package recall_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestGuest_MayWhatItsGrantsSayAtThatMoment(t *testing.T) {
	t.Parallel()
	w := open(t, "default", t.TempDir())
	f := func(op string, request any, code string) {
		t.Helper()
		if reply := w.ask(op, request); reply.Code != code {
			t.Errorf("%s: %+v, want %q", op, reply, code)
		}
	}
	f(vigil.OpQuery, last("cpu_usage"), "capability_denied")
	f(vigil.OpState, set("k", "v"), "capability_denied")
	w.grant("query", "metric:cpu_*", nil)
	w.grant("state", "state:other", nil)
	f(vigil.OpQuery, last("cpu_usage"), "")
	f(vigil.OpQuery, last("mem_usage"), "capability_denied")
	f(vigil.OpState, set("k", "v"), "capability_denied")
	f("service.restart", `{"service":"web"}`, "capability_denied")
	f("", ``, "capability_denied")

	w.revoke()
	f(vigil.OpQuery, last("cpu_usage"), "capability_denied")
	w.grant("state", "state:*", func(g *vigil.Grant) { g.Expires = start.Add(time.Hour) })
	w.grant("query", "metric:*", func(g *vigil.Grant) { g.Budget = vigil.Rate{N: 2, Per: vigil.Duration(time.Hour)} })
	f(vigil.OpState, set("k", "v"), "")
	f(vigil.OpQuery, last("cpu_usage"), "")
	f(vigil.OpQuery, last("mem_usage"), "")
	f(vigil.OpQuery, last("cpu_usage"), "budget_exhausted")
	w.reopen() // the count is on disk
	f(vigil.OpQuery, last("cpu_usage"), "budget_exhausted")
	w.pass(time.Hour)
	f(vigil.OpState, set("k", "v"), "capability_denied")
	f(vigil.OpQuery, last("cpu_usage"), "")
}

// refusals runs the tenant's Recall to its end and returns what was refused.
func (w *tenant) refusals() string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
	recs, err := w.db.Audit(w.t.Context(), -1, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var said []string
	for _, r := range recs {
		said = append(said, r.By+" "+r.Verb+" "+r.Target+" "+r.To)
	}
	return strings.Join(said, "\n")
}

func TestGuest_RefusalIsInTheAuditLogOnceUntilItIsAllowed(t *testing.T) {
	t.Parallel()
	w := open(t, "default", t.TempDir())
	for range 50 { // evaluations
		w.ask(vigil.OpQuery, last("cpu_usage"))
		w.ask(vigil.OpQuery, last("mem_usage"))
		w.ask(strings.Repeat("x", 200), `{}`)
		w.ask("made.up", `{}`)
	}
	w.grant("query", "metric:cpu_usage", nil)
	w.ask(vigil.OpQuery, last("cpu_usage"))
	w.revoke()
	for range 50 {
		w.ask(vigil.OpQuery, last("cpu_usage"))
	}
	w.ask(vigil.OpQuery, `nonsense`)
	want := strings.Join([]string{
		"policy:p capability.denied metric:cpu_usage capability_denied",
		"policy:p capability.denied policy:asker capability_denied",
		"policy:p capability.denied metric:cpu_usage capability_denied",
	}, "\n")
	if got := w.refusals(); got != want {
		t.Errorf("the log has\n%s\nwant\n%s", got, want)
	}
}

func TestGuest_BoundsTheCallsOfAnEvaluation(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	guest := w.For(asker)
	for range 2 { // the next one begins anew
		calls := evaluate(t, guest, true, func(call func(string, any) vigil.CallReply) {
			for i := range 20 {
				want := ""
				if i >= 16 {
					want = "guest_quota"
				}
				if reply := call(vigil.OpState, set("k", "v")); reply.Code != want {
					t.Fatalf("call %d: %+v, want %q", i, reply, want)
				}
			}
		})
		if len(calls) != 17 || calls[15].Op != vigil.OpState || calls[16].Op != vigil.OpEvery || calls[16].Code != "guest_quota" {
			t.Errorf("%d calls in the transcript, want 16 and one that says there is no more: %+v", len(calls), calls)
		}
		again := replayer{recorded.Replay(calls)}
		for i := range 20 {
			want := ""
			if i >= 16 {
				want = "guest_quota"
			}
			if reply := again.ask(t, vigil.OpState, set("k", "v")); reply.Code != want {
				t.Errorf("replayed call %d: %+v, want %q", i, reply, want)
			}
		}
	}
	if calls := evaluate(t, guest, true, func(func(string, any) vigil.CallReply) {}); calls != nil {
		t.Errorf("an evaluation that asked for nothing has calls %v", calls)
	}
}

func TestGuest_TranscriptAnswersAReplayAsTheHostDid(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	w.grant("query", "metric:cpu_*", nil)
	w.ingest("cpu_usage", "a", 1, 2)
	asked := []struct {
		op      string
		request any
	}{
		{vigil.OpQuery, last("cpu_usage")},
		{vigil.OpQuery, last("mem_usage")},
		{vigil.OpState, set("k", "v")},
		{vigil.OpState, vigil.StateRequest{Do: vigil.StateGet, Key: "k"}},
	}
	var said []vigil.CallReply
	lines := evaluate(t, w.For(asker), true, func(call func(string, any) vigil.CallReply) {
		for _, a := range asked {
			said = append(said, call(a.op, a.request))
		}
	})
	again := replayer{recorded.Replay(lines)}
	for i, a := range asked {
		if got := again.ask(t, a.op, a.request); got.OK != said[i].OK || got.Code != said[i].Code || got.Message != said[i].Message || string(got.Data) != string(said[i].Data) {
			t.Errorf("call %d: %+v, was %+v", i, got, said[i])
		}
	}
	if got := again.ask(t, vigil.OpState, set("k", "v")); got.Code != "replay_diverged" {
		t.Errorf("one call more: %+v", got)
	}
	if got := (replayer{recorded.Replay(lines)}).ask(t, vigil.OpQuery, last("cpu_other")); got.Code != "replay_diverged" {
		t.Errorf("another question: %+v", got)
	}
}

func TestGuest_TranscriptIsBounded(t *testing.T) {
	t.Parallel()
	w := stateful(t, t.TempDir())
	lines := evaluate(t, w.For(asker), true, func(call func(string, any) vigil.CallReply) {
		for range 16 {
			call(vigil.OpState, set("k", strings.Repeat("v", 40<<10)))
		}
	})
	size := 0
	for _, l := range lines {
		size += len(l.Request) + len(l.Reply)
	}
	if size > 64<<10 || lines[0].Cut != 0 || lines[15].Cut < 40<<10 {
		t.Errorf("%d bytes are kept, %d of the first and %d of the last call cut", size, lines[0].Cut, lines[15].Cut)
	}
	again := replayer{recorded.Replay(lines)}
	again.ask(t, vigil.OpState, set("k", strings.Repeat("v", 40<<10)))
	if got := again.ask(t, vigil.OpState, set("k", strings.Repeat("v", 40<<10))); got.Code != "transcript_cut" {
		t.Errorf("a call that was cut: %+v", got)
	}
}

// replayer is a transcript that is asked as a guest is.
type replayer struct{ *recorded.Transcript }

func (r replayer) ask(t *testing.T, op string, request any) (reply vigil.CallReply) {
	t.Helper()
	req, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := r.Call(op, req)
	if err := json.Unmarshal(b, &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}
