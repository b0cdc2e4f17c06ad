package bench

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

// fibonacci exports fib, which calls itself and never loops.
var fibonacci = []byte{
	0, 'a', 's', 'm', 1, 0, 0, 0,
	1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f,
	3, 2, 1, 0,
	7, 7, 1, 3, 'f', 'i', 'b', 0, 0,
	10, 30, 1, 28, 0,
	0x20, 0, 0x41, 2, 0x48, 0x04, 0x7f, 0x20, 0, 0x05, // if n < 2 then n else
	0x20, 0, 0x41, 1, 0x6b, 0x10, 0, // fib(n-1)
	0x20, 0, 0x41, 2, 0x6b, 0x10, 0, // fib(n-2)
	0x6a, 0x0b, 0x0b,
}

// BenchmarkPeerStop measures how long a guest that calls itself runs in wazero
// after a deadline of 100 ms, and how long the world stands still when garbage
// is collected meanwhile. Extism is wazero; the other peers have no such limit.
func BenchmarkPeerStop(b *testing.B) {
	b.Run("wazero", func(b *testing.B) {
		r := wazero.NewRuntimeWithConfig(b.Context(), wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true))
		defer func() { _ = r.Close(context.Background()) }()
		var took, pause time.Duration
		for b.Loop() {
			ran, stood := overstay(b, r)
			took, pause = took+ran, pause+stood
		}
		b.ReportMetric(took.Seconds()*1000/float64(b.N), "stop-ms")
		b.ReportMetric(pause.Seconds()*1000/float64(b.N), "pause-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// overstay returns how long fib(41) ran under a deadline and the longest pause.
func overstay(b *testing.B, r wazero.Runtime) (took, pause time.Duration) {
	b.Helper()
	guest, err := r.Instantiate(b.Context(), fibonacci)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = guest.Close(b.Context()) }()
	ctx, cancel := context.WithTimeout(b.Context(), 100*time.Millisecond)
	defer cancel()
	runtime.GC()
	var before, after debug.GCStats
	debug.ReadGCStats(&before)
	done := make(chan time.Duration)
	go func() {
		start := time.Now()
		_, _ = guest.ExportedFunction("fib").Call(ctx, 41) // its deadline has passed by then
		done <- time.Since(start)
	}()
	<-ctx.Done()
	runtime.GC()
	took = <-done
	debug.ReadGCStats(&after)
	return took, slices.Max(after.Pause[:after.NumGC-before.NumGC])
}
