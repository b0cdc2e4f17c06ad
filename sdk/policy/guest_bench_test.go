package policy_test

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policy"
)

type limit struct {
	Above float64 `json:"above"`
}

type above struct{}

func (above) Evaluate(b policy.Batch, s limit, out *policy.Decisions) {
	b.Each(func(series policy.Series) {
		fired := false
		for i, v := range series.Values() {
			if v > s.Above && !fired {
				fired = true
				out.Fire(series.At(i), "above the limit")
			}
		}
	})
}

func benchmarkEval(b *testing.B, series, samples int) {
	b.Helper()
	g := policy.NewGuest(above{})
	if err := g.Configure(1, []byte(`{"above":0.8}`)); err != nil {
		b.Fatal(err)
	}
	rows := make([]abi.Row, series)
	entries := make([]abi.Series, series)
	for i := range rows {
		rows[i] = abi.Row{ID: uint64(i), Ref: uint32(i), First: uint32(i * samples), Count: uint32(samples)}
		entries[i] = abi.Series{ID: uint64(i), Ref: uint32(i), Labels: []string{"__name__", "cpu"}}
	}
	if err := g.Series(abi.AppendDictionary(nil, entries)); err != nil {
		b.Fatal(err)
	}
	times, values := make([]int64, series*samples), make([]float64, series*samples)
	for i := range values {
		values[i] = 0.9
	}
	batch := abi.AppendBatch(nil, abi.Header{Config: 1}, rows, times, values)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Eval(batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEval_Tick(b *testing.B)       { benchmarkEval(b, 0, 0) }
func BenchmarkEval_OneSample(b *testing.B)  { benchmarkEval(b, 1, 1) }
func BenchmarkEval_OneSeries(b *testing.B)  { benchmarkEval(b, 1, 1000) }
func BenchmarkEval_ManySeries(b *testing.B) { benchmarkEval(b, 1000, 1) }
