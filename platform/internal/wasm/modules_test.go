package wasm_test

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	thresholdDir = "../../../modules/policies/threshold"
	restartDir   = "../../../modules/actions/restart-service"
)

func open(t testing.TB, e *wasm.Engine, module []byte) *wasm.Policy {
	t.Helper()
	p, err := e.OpenPolicy(t.Context(), digest(module), func() ([]byte, error) { return module, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

func second(n int) time.Time { return time.Unix(int64(n), 0) }

// column is one series with a sample a second.
func column(a flow.Ask, id uint64, values ...float64) flow.Ask {
	a.Runs = append(a.Runs, flow.Run{
		ID: id, Meta: vigil.Series{Name: "cpu_usage", Labels: vigil.Labels{"host": "h"}},
		First: uint32(len(a.Values)), Count: uint32(len(values)),
	})
	for i, v := range values {
		a.Times, a.Values = append(a.Times, second(i).UnixNano()), append(a.Values, v)
	}
	return a
}

// said is what a test compares of a judgement.
type said struct {
	Run     int
	Verdict vigil.Verdict
	Value   float64
	At      time.Time
}

func eval(t *testing.T, p *wasm.Policy, a flow.Ask) []said {
	t.Helper()
	a.Now = second(1000)
	got, err := p.Eval(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	var all []said
	for _, j := range got {
		if j.Verdict == vigil.VerdictFire && j.Message == "" {
			t.Errorf("a judgement that fires gives no reason: %+v", j)
		}
		all = append(all, said{j.Run, j.Verdict, j.Value, j.At})
	}
	return all
}

func TestThreshold_JudgesInTheSandbox(t *testing.T) {
	t.Parallel()
	module := build(t, thresholdDir)
	e := engine(t, wasm.Options{})
	manifest, err := e.Check(t.Context(), module)
	if err != nil || manifest.Name != "threshold" || manifest.Kind != vigil.PolicyModule {
		t.Fatalf("Check = %+v, %v", manifest, err)
	}
	p := open(t, e, module)
	for config, settings := range map[uint32]string{1: `{"above":0.8}`, 2: `{"below":0.1}`} {
		if err := p.Configure(t.Context(), config, []byte(settings)); err != nil {
			t.Fatal(err)
		}
	}
	both := column(column(flow.Ask{}, 1, 0.5, 0.95, 0.9), 2, 0.05, math.NaN())
	for config, want := range map[uint32][]said{
		1: {{0, vigil.VerdictOK, 0.5, second(0)}, {0, vigil.VerdictFire, 0.95, second(1)}, {1, vigil.VerdictOK, 0.05, second(0)}, {1, vigil.VerdictNoData, 0, second(1)}},
		2: {{0, vigil.VerdictOK, 0.5, second(0)}, {1, vigil.VerdictFire, 0.05, second(0)}, {1, vigil.VerdictNoData, 0, second(1)}},
	} {
		both.Config = config
		if diff := cmp.Diff(want, eval(t, p, both)); diff != "" {
			t.Errorf("config %d: %s", config, diff)
		}
	}
	if got := eval(t, p, flow.Ask{Config: 1}); got != nil {
		t.Errorf("a tick said %v", got)
	}
	if _, err := p.Eval(t.Context(), flow.Ask{Config: 99, Now: second(1)}); err == nil {
		t.Error("a policy that was never configured was judged")
	}
	if got := eval(t, p, column(flow.Ask{Config: 1}, 1, 0.99)); len(got) != 1 || got[0].Verdict != vigil.VerdictFire {
		t.Errorf("after a refused call: %v", got)
	}
}

func TestThreshold_RefusesBadSettingsAndLivesOn(t *testing.T) {
	t.Parallel()
	p := open(t, engine(t, wasm.Options{}), build(t, thresholdDir))
	for settings, field := range map[string]string{
		`{}`:                      "above",
		`{"above":1,"beside":2}`:  "beside",
		`{"above":"high"}`:        "above",
		`{"above":1,"below":2}`:   "below",
		`{"above":1`:              "",
		strings.Repeat("[", 1000): "",
	} {
		err := p.Configure(t.Context(), 1, []byte(settings))
		if vigil.CodeOf(err) != "settings_invalid" || vigil.KindOf(err) != vigil.Invalid {
			t.Errorf("Configure(%.30s) = %v (%s)", settings, err, vigil.CodeOf(err))
			continue
		}
		if got := vigil.AsError(err).Fields["field"]; field != "" && got != field {
			t.Errorf("Configure(%.30s) = %v, blames field %q, want %q", settings, err, got, field)
		}
	}
	if err := p.Configure(t.Context(), 1, []byte(`{"above":0.8}`)); err != nil {
		t.Fatal(err)
	}
	if got := eval(t, p, column(flow.Ask{Config: 1}, 1, 0.9)); len(got) != 1 || got[0].Verdict != vigil.VerdictFire {
		t.Errorf("after refused settings: %v", got)
	}
}

func TestThreshold_MeetsManySeries(t *testing.T) {
	t.Parallel()
	p := open(t, engine(t, wasm.Options{}), build(t, thresholdDir))
	if err := p.Configure(t.Context(), 1, []byte(`{"above":0.8}`)); err != nil {
		t.Fatal(err)
	}
	const n = 5000
	a := flow.Ask{Config: 1}
	for i := range n {
		a = column(a, uint64(i), float64(i%2))
	}
	for range 2 {
		if got := eval(t, p, a); len(got) != n || got[n-1].Verdict != vigil.VerdictFire || got[n-2].Verdict != vigil.VerdictOK {
			t.Fatalf("%d judgements", len(got))
		}
	}
}

func restart(t testing.TB, e *wasm.Engine, host wasm.Caller) (vigil.ActionOutput, error) {
	t.Helper()
	module := build(t, restartDir)
	target, err := vigil.ParseTarget("service:backend@h")
	if err != nil {
		t.Fatal(err)
	}
	in := vigil.ActionInput{Remediation: "r-1", Attempt: 1, Target: target, Reason: "cpu_usage is above 0.8"}
	out, _, err := e.RunAction(t.Context(), digest(module), func() ([]byte, error) { return module, nil }, in, host)
	return out, err
}

// recorder answers every call as if the service had been restarted.
type recorder struct{ ops, requests []string }

func (r *recorder) Call(_ context.Context, op string, req []byte) []byte {
	r.ops, r.requests = append(r.ops, op), append(r.requests, string(req))
	return []byte(`{"ok":true,"data":{"service":"backend","driver":"command","up":true,"pid":42,"pid_before":41}}`)
}

func TestRestartService_AsksTheHostOnceAndTellsThePID(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	host := &recorder{}
	out, err := restart(t, e, host)
	if err != nil || !out.OK {
		t.Fatalf("run = %+v, %v", out, err)
	}
	var status vigil.ServiceStatus
	if err := json.Unmarshal(out.Data, &status); err != nil || status.PID != 42 || status.PIDBefore != 41 {
		t.Errorf("data %s: %+v, %v", out.Data, status, err)
	}
	var req vigil.ServiceRequest
	if len(host.ops) != 1 || host.ops[0] != "service.restart" {
		t.Fatalf("host calls %v", host.ops)
	}
	if err := json.Unmarshal([]byte(host.requests[0]), &req); err != nil || req != (vigil.ServiceRequest{Service: "backend"}) {
		t.Errorf("request %s: %+v, %v", host.requests[0], req, err)
	}
}

func TestRestartService_TellsARefusal(t *testing.T) {
	t.Parallel()
	out, err := restart(t, engine(t, wasm.Options{}), calls{})
	if err != nil || out.OK || out.Code != "capability_denied" {
		t.Errorf("run = %+v, %v", out, err)
	}
}

// TestRestartService_CarriesItsVectors shows that the proof has something to
// play, and what it costs.
func TestRestartService_CarriesItsVectors(t *testing.T) {
	t.Parallel()
	start := time.Now()
	manifest, err := engine(t, wasm.Options{}).Check(t.Context(), build(t, restartDir))
	files, globErr := filepath.Glob(filepath.Join(restartDir, "testdata", "*.json"))
	if err != nil || globErr != nil || len(files) == 0 || len(manifest.Vectors) != len(files) {
		t.Errorf("%d vectors of %d, %v", len(manifest.Vectors), len(files), err)
	}
	t.Logf("checked in %v", time.Since(start))
}
