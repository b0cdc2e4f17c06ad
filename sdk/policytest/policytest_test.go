package policytest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/policy"
	"github.com/techmedaddy/vigil/sdk/policytest"
)

type limit struct {
	Above float64 `json:"above"`
}

// honest says of every sample what it is.
type honest struct{}

func (honest) Evaluate(b policy.Batch, s limit, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		for i, v := range series.Values() {
			if v > s.Above {
				out.Fire(series.At(i), "above the limit")
			} else {
				out.OK(series.At(i))
			}
		}
	})
}

// hasty looks at the last sample of a batch only, so what it says depends on
// where batches end.
type hasty struct{}

func (hasty) Evaluate(b policy.Batch, s limit, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		if values := series.Values(); values[len(values)-1] > s.Above {
			out.Fire(series, "above the limit")
		} else {
			out.OK(series)
		}
	})
}

// forgetful keeps state, but not apart for each policy.
type forgetful struct{ seen map[string]bool }

func (f *forgetful) Evaluate(b policy.Batch, _ limit, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		if !f.seen[series.Name()] {
			f.seen[series.Name()] = true
			out.Info(series.At(0), "new")
		}
	})
}

const vector = `{
	"settings": {"above": 1},
	"series": [
		{"name": "a", "samples": [[0, 0], [1, 2], [2, 3], [3, 0.5]]},
		{"name": "b", "labels": {"host": "x"}, "samples": [[0.5, 2], [2, 0]]}
	],
	"want": [
		{"series": 0, "kind": "ok", "at": 0, "value": 0},
		{"series": 1, "kind": "fire", "at": 0.5},
		{"series": 0, "kind": "fire", "at": 1, "value": 2, "message": "above the limit"},
		{"series": 1, "kind": "ok", "at": 2},
		{"series": 0, "kind": "ok", "at": 3}
	]
}`

func parse(t *testing.T, doc string) policytest.Vector {
	t.Helper()
	v, err := policytest.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// verdicts plays a vector under every split and returns what is wrong.
func verdicts(t *testing.T, g policytest.Guest, v policytest.Vector) (diffs []string) {
	t.Helper()
	player := policytest.NewPlayer(g)
	for _, split := range policytest.Splits() {
		got, err := player.Play(v, split)
		if err != nil {
			t.Fatalf("%s: %v", split.Name, err)
		}
		diffs = append(diffs, policytest.Diff(v.Want, got))
	}
	return diffs
}

func TestCheck_PassesWhatIsRight(t *testing.T) {
	t.Parallel()
	policytest.Check(t, honest{}, parse(t, vector))
}

func TestPlay_FindsDecisionsThatDependOnBatches(t *testing.T) {
	t.Parallel()
	diffs := verdicts(t, policy.NewGuest(hasty{}), parse(t, vector))
	if diffs[1] != "" {
		t.Errorf("one at a time: %s", diffs[1])
	}
	if diffs[0] == "" || diffs[2] == "" {
		t.Errorf("diffs = %q, want whole and halves to differ", diffs)
	}
}

func TestPlay_FindsStateThatPoliciesShare(t *testing.T) {
	t.Parallel()
	v := parse(t, `{"series":[{"name":"a","samples":[[0,1],[1,1]]}],"want":[{"kind":"info","at":0}]}`)
	diffs := verdicts(t, policy.NewGuest(&forgetful{map[string]bool{}}), v)
	if diffs[0] != "" || diffs[1] == "" || diffs[2] == "" {
		t.Errorf("diffs = %q, want the second and third play to differ", diffs)
	}
}

func TestDiff_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	nan, one := policytest.Value(math.NaN()), policytest.Value(1)
	f := func(want, got []policytest.Decision, says string) {
		t.Helper()
		if diff := policytest.Diff(want, got); (says == "") != (diff == "") || !strings.Contains(diff, says) {
			t.Errorf("Diff = %q, want %q in it", diff, says)
		}
	}
	ok, fire := policytest.Decision{Kind: "ok", Value: &nan}, policytest.Decision{Kind: "fire", Value: &one}
	f([]policytest.Decision{ok, fire}, []policytest.Decision{ok, fire}, "")
	f([]policytest.Decision{{Kind: "fire"}}, []policytest.Decision{fire}, "")
	f([]policytest.Decision{ok}, nil, "did not say")
	f(nil, []policytest.Decision{ok}, "one too many")
	f([]policytest.Decision{ok}, []policytest.Decision{fire}, "said")
	f([]policytest.Decision{{Kind: "fire", Value: &nan}}, []policytest.Decision{fire}, "NaN")
	word := "x"
	f([]policytest.Decision{{Kind: "fire", Message: &word}}, []policytest.Decision{fire}, "said")
}

func TestParse_RefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	f := func(doc, says string) {
		t.Helper()
		if _, err := policytest.Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Parse(%s) = %v, want %q in it", doc, err, says)
		}
	}
	f(`{"serie":[]}`, "unknown field")
	f(`{"series":[{"samples":[]}]}`, "no name")
	f(`{"series":[{"name":"a","samples":[[1,1],[0,1]]}]}`, "order of time")
	f(`{"series":[{"name":"a","samples":[[1]]}]}`, "want [seconds, value]")
	f(`{"series":[{"name":"a","samples":[["1",1]]}]}`, "want seconds")
	f(`{"series":[{"name":"a","samples":[[1,"nan"]]}]}`, "float64")
	f(`{"want":[{"kind":"ok"}]}`, "no series 0")
	f(`{"series":[{"name":"a"}],"want":[{"kind":"bad"}]}`, "none of")
	f(`{"series":[{"name":"a"}],"want":[{"kind":"ok"},{"kind":"ok","at":1}]}`, "repeats")
}

func TestValue_ReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	for _, want := range []float64{0, -1.5, math.Inf(1), math.Inf(-1), math.NaN()} {
		b, err := policytest.Value(want).MarshalJSON()
		var got policytest.Value
		if err == nil {
			err = got.UnmarshalJSON(b)
		}
		if err != nil || fmt.Sprint(want) != fmt.Sprint(float64(got)) {
			t.Errorf("%v came back as %v (%v)", want, float64(got), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(vector))
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := policytest.Parse(doc)
		if err != nil {
			return
		}
		v.Settings = nil
		player := policytest.NewPlayer(policy.NewGuest(honest{}))
		for _, split := range policytest.Splits() {
			if _, err := player.Play(v, split); err != nil {
				t.Errorf("%s: %v", split.Name, err)
			}
		}
	})
}

func ExampleParse() {
	v, _ := policytest.Parse([]byte(`{
		"settings": {"above": 1},
		"series": [{"name": "load", "samples": [[0, 0.5], [10, 3]]}]
	}`))
	player := policytest.NewPlayer(policy.NewGuest(honest{}))
	decisions, _ := player.Play(v, policytest.Splits()[0])
	for _, d := range decisions {
		fmt.Printf("%s at %v\n", d.Kind, *d.Value)
	}
	// Output:
	// ok at 0.5
	// fire at 3
}
