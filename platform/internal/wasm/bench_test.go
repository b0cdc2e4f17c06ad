package wasm_test

import (
	"context"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkEval measures the whole way of a batch through the host into the
// threshold module and back, in one series and quiet.
func BenchmarkEval(b *testing.B) {
	p := open(b, engine(b, wasm.Options{}), build(b, thresholdDir))
	if err := p.Configure(b.Context(), 1, []byte(`{"above":0.8}`)); err != nil {
		b.Fatal(err)
	}
	for name, samples := range map[string]int{"samples=1": 1, "samples=1000": 1000} {
		b.Run(name, func(b *testing.B) {
			a := column(flow.Ask{Config: 1, Now: second(1000)}, 1, make([]float64, samples)...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(b.Context(), a); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
		})
	}
}

// BenchmarkActionStart measures from RunAction to the first host call of the
// restart-service module, with a spare instance ready and without.
func BenchmarkActionStart(b *testing.B) {
	e := engine(b, wasm.Options{})
	module := build(b, restartDir)
	read := func() ([]byte, error) { return module, nil }
	if err := e.Prepare(b.Context(), digest(module), read); err != nil {
		b.Fatal(err)
	}
	in := vigil.ActionInput{Target: vigil.Target{Kind: "service", Name: "web"}}
	for _, name := range []string{"spare", "no-spare"} {
		b.Run(name, func(b *testing.B) {
			total := time.Duration(0)
			for b.Loop() {
				if err := e.Prepare(b.Context(), digest(module), read); err != nil {
					b.Fatal(err)
				}
				e.Settle()
				if name == "no-spare" {
					e.DropSpare(digest(module))
				}
				start, call := time.Now(), &firstCall{}
				if _, _, err := e.RunAction(b.Context(), digest(module), read, in, call); err != nil {
					b.Fatal(err)
				}
				total += call.at.Sub(start)
			}
			b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/start")
			b.ReportMetric(0, "ns/op") // says more about Prepare than about the start
		})
	}
}

// firstCall notes when the guest first asks for a deed.
type firstCall struct{ at time.Time }

func (c *firstCall) Call(context.Context, string, []byte) []byte {
	if c.at.IsZero() {
		c.at = time.Now()
	}
	return []byte(`{"ok":true,"data":{"service":"web","driver":"command","up":true,"pid":42,"pid_before":41}}`)
}
