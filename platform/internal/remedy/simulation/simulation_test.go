package simulation_test

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestStep_HoldsItsInvariantsInEveryHistory plays the usual number of histories;
// VIGIL_HISTORIES asks for more, and VIGIL_SEED for one.
func TestStep_HoldsItsInvariantsInEveryHistory(t *testing.T) {
	t.Parallel()
	if seed := number(t, "VIGIL_SEED", 0); seed > 0 {
		if err := newWorld(seed, true).run(); err != nil {
			t.Error(err)
		}
		return
	}
	n := number(t, "VIGIL_HISTORIES", histories)
	var next, entered atomic.Uint64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1); seed <= n && !t.Failed(); seed = next.Add(1) {
				w := newWorld(seed, false)
				if w.run() != nil { // play it again, for what happened
					t.Errorf("%v\nagain: VIGIL_SEED=%d go test -run %s ./platform/internal/remedy/simulation", newWorld(seed, true).run(), seed, t.Name())
				}
				for _, es := range w.watch.entries {
					entered.Add(uint64(len(es)))
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d histories, %d actions entered", n, entered.Load())
	if !t.Failed() && entered.Load() < n {
		t.Errorf("%d actions in %d histories: too little happens in them", entered.Load(), n)
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
