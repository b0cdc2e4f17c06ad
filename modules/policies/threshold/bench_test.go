package main

import (
	"fmt"
	"testing"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policy"
)

// BenchmarkNative runs a quiet series through the policy without any sandbox:
// what the host's BenchmarkEval is held against.
func BenchmarkNative(b *testing.B) {
	g := policy.NewGuest(&Threshold{})
	if err := g.Configure(1, []byte(`{"above":0.8}`)); err != nil {
		b.Fatal(err)
	}
	if err := g.Series(abi.AppendDictionary(nil, []abi.Series{{ID: 1, Labels: []string{"__name__", "cpu_usage"}}})); err != nil {
		b.Fatal(err)
	}
	for _, samples := range []int{1, 1000} {
		b.Run(fmt.Sprintf("samples=%d", samples), func(b *testing.B) {
			rows := []abi.Row{{ID: 1, Count: uint32(samples)}}
			batch := abi.AppendBatch(nil, abi.Header{Config: 1}, rows, make([]int64, samples), make([]float64, samples))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := g.Eval(batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
		})
	}
}
