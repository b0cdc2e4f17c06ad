package policy_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policy"
)

// script is a policy whose verdicts a test writes.
type script struct {
	evaluate func(b policy.Batch, s settings, out *policy.Decisions)
}

type settings struct {
	Above float64 `json:"above"`
}

func (s settings) Validate() error {
	if s.Above < 0 {
		return policy.BadSetting("above", "must not be negative")
	}
	return nil
}

func (s script) Evaluate(b policy.Batch, set settings, out *policy.Decisions) {
	s.evaluate(b, set, out)
}

// ready is a guest with one policy and two series, a and b.
func ready(t testing.TB, evaluate func(b policy.Batch, s settings, out *policy.Decisions)) *policy.Guest {
	t.Helper()
	g := policy.NewGuest(script{evaluate})
	if err := g.Configure(1, []byte(`{"above":0.8}`)); err != nil {
		t.Fatal(err)
	}
	dictionary := abi.AppendDictionary(nil, []abi.Series{
		{ID: 70, Ref: 0, Labels: []string{"__name__", "a"}},
		{ID: 71, Ref: 1, Labels: []string{"__name__", "b", "host", "web-1"}},
	})
	if err := g.Series(dictionary); err != nil {
		t.Fatal(err)
	}
	return g
}

var twoSeries = []abi.Row{{ID: 70, Count: 2}, {ID: 71, Ref: 1, First: 2, Count: 1, Flags: abi.FlagStale | abi.FlagLate}}

// eval judges three samples of two series.
func eval(t testing.TB, g *policy.Guest) ([]abi.Decision, error) {
	t.Helper()
	reply, err := g.Eval(abi.AppendBatch(nil, abi.Header{Config: 1, Now: 9}, twoSeries, []int64{1, 2, 3}, []float64{0.5, 0.9, 7}))
	if err != nil {
		return nil, err
	}
	return abi.ReadDecisions(nil, reply, len(twoSeries))
}

func wantFault(t *testing.T, err error, errno abi.Errno, code string) {
	t.Helper()
	var f *policy.Fault
	if !errors.As(err, &f) || f.Code != code || f.Errno != errno {
		t.Errorf("error = %v, want %s (%d)", err, code, errno)
	}
}

func line(words ...any) string { return strings.TrimSpace(fmt.Sprintln(words...)) }

func TestGuest_ShowsThePolicyItsBatch(t *testing.T) {
	t.Parallel()
	var got []string
	g := ready(t, func(b policy.Batch, s settings, _ *policy.Decisions) {
		got = append(got, line(b.Len(), b.Now().Equal(time.Unix(0, 9)), b.Config(), b.Replay(), s.Above))
		b.Each(func(s policy.Series) {
			got = append(got, line(s.ID(), s.Name(), s.Label("host")+"-", s.Len(), s.Times(), s.Values(), s.Stale(), s.Late(), s.Reset()))
		})
		b.Each(func(s policy.Series) {
			last := s.At(s.Len() - 1)
			got = append(got, line(last.Name(), last.Values(), last.At(0).Times()))
		})
	})
	if _, err := eval(t, g); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2 true 1 false 0.8", "70 a - 2 [1 2] [0.5 0.9] false false false", "71 b web-1- 1 [3] [7] true true false",
		"a [0.9] [2]", "b [7] [3]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGuest_WritesWhatThePolicySays(t *testing.T) {
	t.Parallel()
	g := ready(t, func(b policy.Batch, _ settings, out *policy.Decisions) {
		b.Each(func(s policy.Series) {
			if s.Name() == "a" {
				out.OK(s.At(0))
				out.Fire(s, "hot").Severity(2).Runbook(1).Score(0.25).Detail("line", "0.8").Detail("unit", "")
				return
			}
			out.NoData(s)
			out.Info(s, "hot")
			out.Info(s, "hot")
		})
	})
	got, err := eval(t, g)
	if err != nil {
		t.Fatal(err)
	}
	details := abi.AppendDetail(abi.AppendDetail(nil, "line", "0.8"), "unit", "")
	want := []abi.Decision{
		{Kind: abi.KindOK, Runbook: abi.OwnRunbook, Value: 0.5, At: 1},
		{Kind: abi.KindFire, Severity: 2, Runbook: 1, Value: 0.9, Score: 0.25, At: 2, Message: []byte("hot"), Details: details},
		{Series: 1, Kind: abi.KindNoData, Runbook: abi.OwnRunbook, Value: 7, At: 3},
		{Series: 1, Kind: abi.KindInfo, Runbook: abi.OwnRunbook, Value: 7, At: 3, Message: []byte("hot")},
		{Series: 1, Kind: abi.KindInfo, Runbook: abi.OwnRunbook, Value: 7, At: 3, Message: []byte("hot")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGuest_DecidesOnASeriesWithoutSamples(t *testing.T) {
	t.Parallel()
	g := ready(t, func(b policy.Batch, _ settings, out *policy.Decisions) {
		b.Each(func(s policy.Series) { out.NoData(s) })
	})
	reply, err := g.Eval(abi.AppendBatch(nil, abi.Header{Config: 1, Now: 9}, []abi.Row{{ID: 70}}, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := abi.ReadDecisions(nil, reply, 1)
	if diff := cmp.Diff([]abi.Decision{{Kind: abi.KindNoData, Runbook: abi.OwnRunbook, At: 9}}, got); err != nil || diff != "" {
		t.Errorf("err %v, diff %s", err, diff)
	}
}

func TestGuest_CutsTextToWhatAReplyHolds(t *testing.T) {
	t.Parallel()
	g := ready(t, func(b policy.Batch, _ settings, out *policy.Decisions) {
		b.Each(func(s policy.Series) {
			for i := range 5000 {
				out.Fire(s, strings.Repeat("é", 700)).Detail("n", strings.Repeat("x", i))
			}
		})
	})
	decisions, err := eval(t, g)
	if err != nil || len(decisions) != 10_000 {
		t.Fatalf("%d decisions, err %v", len(decisions), err)
	}
	if got := decisions[0].Text(); got != strings.Repeat("é", 512) {
		t.Errorf("message of %d bytes, want it cut between characters at %d", len(got), abi.MaxMessage)
	}
}

func TestGuest_RefusesMoreDecisionsThanAReplyHolds(t *testing.T) {
	t.Parallel()
	g := ready(t, func(b policy.Batch, _ settings, out *policy.Decisions) {
		b.Each(func(s policy.Series) {
			for range abi.MaxDecisions {
				out.Fire(s, "again").Severity(1).Detail("a", "b")
			}
		})
	})
	_, err := eval(t, g)
	wantFault(t, err, abi.ErrBadInput, "too_many_decisions")
}

func TestGuest_ConfiguresEachPolicyApart(t *testing.T) {
	t.Parallel()
	var lines []float64
	g := ready(t, func(_ policy.Batch, s settings, _ *policy.Decisions) { lines = append(lines, s.Above) })
	if err := g.Configure(2, []byte(`{"above":0.5}`)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, g.Configure(2, []byte(`{"above":-1}`)), abi.ErrBadSettings, "settings_invalid")
	for config := range uint32(4) {
		_, err := g.Eval(abi.AppendBatch(nil, abi.Header{Config: config}, nil, nil, nil))
		if config == 0 || config == 3 {
			wantFault(t, err, abi.ErrBadInput, "config_unknown")
		}
	}
	if diff := cmp.Diff([]float64{0.8, 0.5}, lines); diff != "" {
		t.Errorf("settings in force after a refusal: %s", diff)
	}
}

func TestGuest_RefusesRowsThatNoDictionaryNamed(t *testing.T) {
	t.Parallel()
	g := ready(t, func(policy.Batch, settings, *policy.Decisions) { t.Error("the policy was asked") })
	for _, row := range []abi.Row{{ID: 72, Ref: 2}, {ID: 70, Ref: 1}, {ID: 70, Ref: math.MaxUint32}} {
		_, err := g.Eval(abi.AppendBatch(nil, abi.Header{Config: 1}, []abi.Row{row}, nil, nil))
		wantFault(t, err, abi.ErrBadInput, "series_unknown")
	}
	err := g.Series(abi.AppendDictionary(nil, []abi.Series{{ID: 1, Ref: abi.MaxSeries}}))
	wantFault(t, err, abi.ErrBadInput, "series_limit")
}

func TestGuest_EvaluatesWithoutAllocating(t *testing.T) {
	g := policy.NewGuest(above{})
	if err := g.Configure(1, []byte(`{"above":0.8}`)); err != nil {
		t.Fatal(err)
	}
	if err := g.Series(abi.AppendDictionary(nil, []abi.Series{{ID: 70}})); err != nil {
		t.Fatal(err)
	}
	batch := abi.AppendBatch(nil, abi.Header{Config: 1}, []abi.Row{{ID: 70, Count: 3}}, []int64{1, 2, 3}, []float64{0, 1, 2})
	if allocs := testing.AllocsPerRun(100, func() { _, _ = g.Eval(batch) }); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func FuzzGuest(f *testing.F) {
	f.Add(abi.AppendDictionary(nil, []abi.Series{{ID: 70}}), abi.AppendBatch(nil, abi.Header{Config: 1}, []abi.Row{{ID: 70, Count: 1}}, []int64{1}, []float64{1}))
	f.Fuzz(func(t *testing.T, dictionary, batch []byte) {
		g := policy.NewGuest(above{})
		_ = g.Configure(1, nil)
		_ = g.Series(dictionary)
		if reply, err := g.Eval(batch); err == nil {
			if _, err := abi.ReadDecisions(nil, reply, len(batch)); err != nil {
				t.Errorf("reply: %v", err)
			}
		}
	})
}
