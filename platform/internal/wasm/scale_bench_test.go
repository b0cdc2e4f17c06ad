package wasm_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
)

// fleet is n Go modules that differ in one constant, so that each is compiled
// for itself; what was compiled lies in the tests' cache.
func fleet(b *testing.B, n int) [][]byte {
	b.Helper()
	e, all := engine(b, wasm.Options{}), make([][]byte, n)
	for i := range all {
		all[i] = bytes.Replace(build(b, thresholdDir), []byte(" is above "), fmt.Appendf(nil, " is abo%03d", i), 1)
		if err := open(b, e, all[i]).Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// bind opens a policy of each module and gives it settings, as many at once as
// a collector does when it starts.
func bind(b *testing.B, e *wasm.Engine, modules [][]byte) []*wasm.Policy {
	b.Helper()
	all, next := make([]*wasm.Policy, len(modules)), atomic.Int64{}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				m := modules[i]
				p, err := e.OpenPolicy(b.Context(), digest(m), func() ([]byte, error) { return m, nil })
				if err == nil {
					all[i], err = p, p.Configure(b.Context(), 1, []byte(`{"above":0.8}`))
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	if wg.Wait(); b.Failed() {
		b.FailNow()
	}
	b.Cleanup(func() {
		for _, p := range all {
			_ = p.Close(context.Background())
		}
	})
	return all
}

// BenchmarkBound measures how long a new engine takes until fifty modules are
// bound that an earlier one has compiled.
func BenchmarkBound(b *testing.B) {
	modules, total := fleet(b, 50), time.Duration(0)
	for b.Loop() {
		start := time.Now()
		all := bind(b, engine(b, wasm.Options{}), modules)
		total += time.Since(start)
		for _, p := range all {
			_ = p.Close(context.Background())
		}
	}
	b.ReportMetric(total.Seconds()*1000/float64(b.N), "bound-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPolicies measures the memory of a thousand policies on ten modules,
// each of which has judged a series of its own.
func BenchmarkPolicies(b *testing.B) {
	modules, grown := fleet(b, 10), 0.0
	for b.Loop() {
		before := resident(b)
		all := bind(b, engine(b, wasm.Options{}), modules)
		for i := range uint32(1000) {
			p, config := all[i%10], i/10+1
			if err := p.Configure(b.Context(), config, []byte(`{"above":0.8}`)); err != nil {
				b.Fatal(err)
			}
			if _, err := p.Eval(b.Context(), column(flow.Ask{Config: config, Now: second(1000)}, uint64(i), 0.5)); err != nil {
				b.Fatal(err)
			}
		}
		grown = max(grown, resident(b)-before)
	}
	b.ReportMetric(grown, "rss-MB")
	b.ReportMetric(0, "ns/op")
}

// resident is the memory of this process in megabytes, garbage returned.
func resident(b *testing.B) float64 {
	b.Helper()
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(raw), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}
