package wasm_test

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/conformance"
	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// languages are the guests that must do the same: the folder of the threshold
// module in each.
var languages = map[string]string{"go": thresholdDir, "c": "../../../sdk/c/examples/threshold"}

// vectors are the same for all.
var vectors = os.DirFS(filepath.Join(thresholdDir, "testdata"))

// needClang skips a test where there is no clang; CI must have one.
func needClang(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"clang", "wasm-ld"} {
		_, err := exec.LookPath(tool)
		switch {
		case err == nil:
		case os.Getenv("CI") != "":
			t.Fatalf("MISSING: %s; install clang and lld", tool)
		default:
			t.Skipf("MISSING: %s; install clang and lld: modules in C are not tested", tool)
		}
	}
}

// threshold is the threshold module in a language.
func threshold(t testing.TB, language string) []byte {
	t.Helper()
	if language == "c" {
		needClang(t)
	}
	return build(t, languages[language])
}

func TestConformance_GuestsKeepTheProtocol(t *testing.T) {
	t.Parallel()
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			g := newBare(t, wazero.NewRuntimeConfigCompiler(), threshold(t, language))
			if err := conformance.Protocol(g); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConformance_GuestsPassTheVectorsCompiledAndInterpreted(t *testing.T) {
	t.Parallel()
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			for name, config := range map[string]wazero.RuntimeConfig{
				"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter(),
			} {
				if err := conformance.Vectors(newBare(t, config, threshold(t, language)), vectors, "*.json"); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestConformance_GuestsPassTheVectorsInTheSandbox(t *testing.T) {
	t.Parallel()
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			g := &sandboxed{policy: open(t, engine(t, wasm.Options{}), threshold(t, language)), series: map[uint64]vigil.Series{}, ctx: t.Context}
			if err := conformance.Vectors(g, vectors, "*.json"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConformance_GoAndCDecideAlike(t *testing.T) {
	t.Parallel()
	one := newBare(t, wazero.NewRuntimeConfigCompiler(), threshold(t, "go"))
	other := newBare(t, wazero.NewRuntimeConfigCompiler(), threshold(t, "c"))
	for seed := range uint64(4) {
		if err := conformance.Agree(one, other, seed, 100); err != nil {
			t.Error(err)
		}
		if err := conformance.AgreeOnSettings(one, other, seed, 1000); err != nil {
			t.Error(err)
		}
	}
}

// sandboxed is a guest behind the whole host, which speaks of samples and
// judgements instead of bytes.
type sandboxed struct {
	policy *wasm.Policy
	series map[uint64]vigil.Series
	ctx    func() context.Context
}

func (s *sandboxed) Configure(config uint32, settings []byte) error {
	err := s.policy.Configure(s.ctx(), config, settings)
	if err == nil {
		return nil
	}
	fields := vigil.AsError(err).Fields
	word := func(name string) string { w, _ := fields[name].(string); return w }
	return &policy.Fault{Errno: abi.ErrBadSettings, Code: word("reason"), Path: word("field"), Message: err.Error()}
}

// Series keeps the labels; the host tells them when it first meets a series.
func (s *sandboxed) Series(dictionary []byte) error {
	entries, err := abi.ReadDictionary(dictionary)
	for _, e := range entries {
		known := vigil.Series{Name: e.Label("__name__"), Labels: vigil.Labels{}}
		for i := 2; i+1 < len(e.Labels); i += 2 {
			known.Labels[e.Labels[i]] = e.Labels[i+1]
		}
		s.series[e.ID] = known
	}
	return err
}

func (s *sandboxed) Eval(batch []byte) ([]byte, error) {
	b, err := abi.ReadBatch(batch)
	if err != nil {
		return nil, err
	}
	ask := flow.Ask{Config: b.Config, Now: time.Unix(0, b.Now), Seq: b.Seq, Times: b.Times, Values: b.Values}
	for _, r := range b.Rows {
		ask.Runs = append(ask.Runs, flow.Run{ID: r.ID, Meta: s.series[r.ID], First: r.First, Count: r.Count, Flags: r.Flags})
	}
	said, err := s.policy.Eval(s.ctx(), ask)
	if err != nil {
		return nil, err
	}
	decisions := make([]abi.Decision, len(said))
	for i, j := range said {
		decisions[i] = abi.Decision{
			Series: uint32(j.Run), Kind: kindOf(j.Verdict), Severity: j.Severity, Runbook: j.Runbook,
			Value: asked(ask, j), Score: j.Score, At: j.At.UnixNano(), Message: []byte(j.Message),
		}
	}
	return abi.AppendDecisions(nil, decisions), nil
}

func kindOf(v vigil.Verdict) abi.Kind {
	for k := abi.KindOK; k <= abi.KindInfo; k++ {
		if k.String() == string(v) {
			return k
		}
	}
	return math.MaxUint8 // refused by whoever reads the decisions
}

// asked is the value that was judged. The host makes numbers finite, which the
// vectors cannot know; it is held to that here.
func asked(ask flow.Ask, j flow.Judgement) float64 {
	r := ask.Runs[j.Run]
	for i, at := range ask.Times[r.First : r.First+r.Count] {
		v := ask.Values[int(r.First)+i]
		if at == j.At.UnixNano() && (math.IsNaN(v) && j.Value == 0 || math.IsInf(v, 0) && j.Value == math.Copysign(math.MaxFloat64, v)) {
			return v
		}
	}
	return j.Value
}

var _ policytest.Guest = (*sandboxed)(nil)

func TestSDKForC_SaysAllThatADecisionHolds(t *testing.T) {
	t.Parallel()
	needClang(t)
	g := newBare(t, wazero.NewRuntimeConfigCompiler(), build(t, "../../../sdk/c/testdata/everything"))
	if err := g.Configure(7, []byte(`{"loud":true,"unit":"\u00b0C"}`)); err != nil {
		t.Fatal(err)
	}
	dictionary := abi.AppendDictionary(nil, []abi.Series{{ID: 70, Ref: 5, Labels: []string{"__name__", "t", "host", "wéb-1"}}})
	if err := g.Series(dictionary); err != nil {
		t.Fatal(err)
	}
	rows := []abi.Row{{ID: 70, Ref: 5, Count: 2, Flags: abi.FlagLate}, {ID: 70, Ref: 5}}
	reply, err := g.Eval(abi.AppendBatch(nil, abi.Header{Config: 7, Now: 9}, rows, []int64{1, 2}, []float64{0.25, -123456.5}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := abi.ReadDecisions(nil, reply, len(rows))
	details := abi.AppendDetail(abi.AppendDetail(nil, "flags", "late"), "unit", "°C")
	want := []abi.Decision{
		{Kind: abi.KindInfo, Runbook: abi.OwnRunbook, Value: 0.25, At: 1, Message: []byte(strings.Repeat("é", abi.MaxMessage/2))},
		{Kind: abi.KindFire, Severity: 9, Runbook: 3, Score: 0.5, Value: -123456.5, At: 2, Message: []byte("wéb-1: -123456°C"), Details: details},
		{Series: 1, Kind: abi.KindNoData, Runbook: abi.OwnRunbook, At: 9},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

func TestSDKForC_NamesSettingsOfEachType(t *testing.T) {
	t.Parallel()
	needClang(t)
	g := newBare(t, wazero.NewRuntimeConfigCompiler(), build(t, "../../../sdk/c/testdata/everything"))
	f := func(doc, code, path string) {
		t.Helper()
		var fault *policy.Fault
		if err := g.Configure(1, []byte(doc)); (code != "") != errors.As(err, &fault) || fault != nil && (fault.Code != code || fault.Path != path) {
			t.Errorf("Configure(%.40s) = %#v, want %s at %s", doc, err, code, path)
		}
	}
	long := strings.Repeat("x", 256)
	f(``, "", "")
	f(`null`, "", "")
	f(`{"loud":false,"unit":null}`, "", "")
	f(`{"unit":"`+long+`"}`, "", "")
	f(`{"unit":"x`+long+`"}`, "settings_type", "unit")
	f(`{"unit":1}`, "settings_type", "unit")
	f(`{"loud":"true"}`, "settings_type", "loud")
	f(`{"loud":0}`, "settings_type", "loud")
	f(`{"`+strings.Repeat(long, 10)+`":0}`, "settings_unknown_field", long[:255])
	f(`{"unit":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`, "settings_json", "")
}
