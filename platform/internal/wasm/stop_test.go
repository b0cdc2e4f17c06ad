package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// forever is more fuel than a test can wait for.
const forever = 1 << 50

// hungry grows its memory for ever, also when there is none.
var hungry = []byte{0x03, 0x40, 0x41, 1, 0x40, 0, 0x1a, 0x0c, 0, 0x0b, 0x00, 0x0b}

// bomb is a policy whose evaluation is the body.
func bomb(t testing.TB, body []byte) []byte {
	t.Helper()
	return assembly{bodies: map[string][]byte{"vigil_eval": body}}.bytes(t)
}

// The promise of a stop, and how often a busy machine may break it.
const (
	stopWithin  = 50 * time.Millisecond
	pauseWithin = 5 * time.Millisecond
	attempts    = 40
)

// stopsAtOnce evaluates a bomb beside a good policy, with a collection in the
// middle, until it was stopped in time once: what is promised is what Vigil
// takes, and another process may take the rest.
func stopsAtOnce(t *testing.T, e *Engine, module []byte, within time.Duration) {
	t.Helper()
	var took, pause time.Duration
	start := time.Now()
	decided := meanwhile(t, e, func() {
		for range attempts {
			if time.Since(start) > 20*time.Second {
				break // it is not the machine
			}
			if took, pause = stopped(t, e, module); took <= within && pause <= pauseWithin {
				return
			}
		}
		t.Errorf("%d times, the last time stopped after %s with a pause of %s, want %s and %s", attempts, took, pause, within, pauseWithin)
	})
	if decided == 0 {
		t.Error("another policy could not decide meanwhile")
	}
}

// stopped returns how long a bomb ran, and how long the world stood still for a
// collection meanwhile.
func stopped(t *testing.T, e *Engine, module []byte) (took, pause time.Duration) {
	t.Helper()
	p := openPolicy(t, e, module)
	done := make(chan time.Duration, 1)
	go func() {
		done <- elapsed(t, func() {
			if _, err := p.Eval(context.Background(), ask(1)); err == nil {
				t.Error("a bomb came to an end of its own")
			}
		})
	}()
	once := true
	_, all := pauses(func() bool { once = !once; return !once })
	took = <-done
	return took, slices.Max(all)
}

// elapsed is the time on the wall that f took, without the time in which its
// thread was ready to run and other processes had all processors.
func elapsed(t *testing.T, f func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	waited, start := queued(t), time.Now()
	f()
	return time.Since(start) - (queued(t) - waited)
}

// queued is how long this thread was ready to run and did not.
func queued(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/schedstat")
	if err != nil {
		return 0 // a kernel that does not count it
	}
	var ran, waited int64
	if _, err := fmt.Sscan(string(b), &ran, &waited); err != nil {
		t.Error(err)
	}
	return time.Duration(waited)
}

func TestEval_EndsAtItsDeadlineWhateverItsFuel(t *testing.T) {
	t.Parallel()
	p := openPolicy(t, newEngine(t, Options{PolicyFuel: forever, Deadline: 50 * time.Millisecond}), bomb(t, endless))
	if _, err := p.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_deadline" || vigil.KindOf(err) != vigil.Timeout {
		t.Errorf("Eval = %v", err)
	}
}

func TestEval_UsesTheSameFuelForTheSameQuestion(t *testing.T) {
	t.Parallel()
	module := oracle(t)
	var used []int64
	for range 3 {
		p := openPolicy(t, newEngine(t, Options{}), module)
		for range 2 {
			if _, err := p.Eval(t.Context(), ask(1)); err != nil {
				t.Fatal(err)
			}
			used = append(used, p.Fuel())
		}
	}
	if slices.Max(used) != slices.Min(used) || used[0] <= 0 {
		t.Errorf("fuel of six calls: %v", used)
	}
}

func TestEval_AllocatesNothing(t *testing.T) { //nolint:paralleltest // it counts the process's allocations
	p := openPolicy(t, newEngine(t, Options{}), assembly{}.bytes(t))
	a := ask(make([]float64, 1000)...)
	got := testing.AllocsPerRun(100, func() {
		if _, err := p.Eval(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	})
	if got > 0 {
		t.Errorf("a batch costs %v allocations", got)
	}
}

// TestEngine_AnEndlessGuestLeavesOthersAlone runs a loop that ends at its
// deadline long before its fuel, beside a good guest on one seat, and collects
// garbage all the while.
func TestEngine_AnEndlessGuestLeavesOthersAlone(t *testing.T) { //nolint:paralleltest // it measures time
	before := goleak.IgnoreCurrent()
	e, err := New(t.Context(), Options{Deadline: 300 * time.Millisecond, PolicyFuel: 40 * defaultPolicyFuel, Running: 1, Strikes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var served int
	var typical time.Duration
	for range attempts {
		if served, typical = beside(t, e); served >= 10 && typical <= pauseWithin || t.Failed() {
			break // a busy machine stood still before, not Vigil
		}
	}
	t.Logf("%d calls of another guest, a typical pause %s", served, typical)
	if served < 10 || typical > pauseWithin {
		t.Errorf("%d calls of another guest meanwhile, a typical pause of %s", served, typical)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

// beside calls a good guest while an endless one runs, and returns how often it
// answered and the median pause of the collections in between.
func beside(t *testing.T, e *Engine) (served int, typical time.Duration) {
	t.Helper()
	bad, good := openPolicy(t, e, bomb(t, endless)), openPolicy(t, e, assembly{}.bytes(t))
	if _, err := good.Eval(t.Context(), ask(1)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	var stop atomic.Bool
	go func() {
		_, err := bad.Eval(context.Background(), ask(1))
		stop.Store(true)
		done <- err
	}()
	served, all := pauses(func() bool {
		if _, err := good.Eval(t.Context(), ask(1)); err != nil {
			t.Fatal(err)
		}
		return !stop.Load()
	})
	if err := <-done; vigil.CodeOf(err) != "guest_deadline" {
		t.Errorf("endless guest: %v", err)
	}
	if err := errors.Join(bad.Close(t.Context()), good.Close(t.Context())); err != nil {
		t.Error(err)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return served, 0
	}
	return served, all[len(all)/2]
}

// pauses runs work and a collection in turn until work says false, and returns
// how often and how long the world stood still in each.
func pauses(work func() bool) (n int, all []time.Duration) {
	var first, last debug.GCStats
	debug.ReadGCStats(&first)
	for work() {
		n++
		runtime.GC()
	}
	debug.ReadGCStats(&last)
	return n, last.Pause[:min(len(last.Pause), int(last.NumGC-first.NumGC))]
}

func TestRun_WaitsForItsSeatNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Running: 1})
	p := openPolicy(t, e, assembly{}.bytes(t))
	taken := turn{seats: e.seats}
	if err := taken.sit(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for e.seats.waiting.Load() == 0 {
			runtime.Gosched()
		}
		cancel()
	}()
	if _, err := p.Eval(ctx, ask(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Eval without a seat = %v", err)
	}
	taken.rise()
	if taken.rise(); len(e.seats.free) != 1 {
		t.Errorf("%d seats are free, want 1", len(e.seats.free))
	}
}
