package wasm

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkStop measures how long each bomb runs before its fuel ends, and how
// long the world stands still at most when garbage is collected meanwhile.
func BenchmarkStop(b *testing.B) {
	for name, body := range map[string][]byte{"loop": endless, "recursion": recursive, "allocation": hungry} {
		b.Run(name, func(b *testing.B) {
			e := newEngine(b, Options{Strikes: 1 << 30})
			module := bomb(b, body)
			var took, stood []time.Duration
			for b.Loop() {
				ran, pause := explode(b, e, module)
				took, stood = append(took, ran), append(stood, pause)
			}
			b.ReportMetric(median(took), "stop-ms")
			b.ReportMetric(median(stood), "pause-ms")
			b.ReportMetric(0, "ns/op") // opening the guest is most of it
		})
	}
}

// explode evaluates a bomb while it collects garbage, and returns how long the
// bomb ran and the longest pause.
func explode(b *testing.B, e *Engine, module []byte) (took, pause time.Duration) {
	b.Helper()
	p := openPolicy(b, e, module)
	var stop atomic.Bool
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		_, err := p.Eval(context.Background(), ask(1))
		took = time.Since(start)
		stop.Store(true)
		done <- err
	}()
	_, collections := pauses(func() bool { return !stop.Load() })
	if err := <-done; err == nil {
		b.Fatal("the bomb came to an end of its own")
	}
	if len(collections) > 0 {
		pause = slices.Max(collections)
	}
	return took, pause
}

// median is in milliseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return all[len(all)/2].Seconds() * 1000
}
