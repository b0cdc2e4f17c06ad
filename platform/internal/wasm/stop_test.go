package wasm

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
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

func TestEval_StopsABombWithinFiftyMilliseconds(t *testing.T) { //nolint:paralleltest // it measures time
	e := newEngine(t, Options{Strikes: 100})
	for name, body := range map[string][]byte{"loop": endless, "recursion": recursive, "allocation": hungry} {
		var took []time.Duration
		for range 5 {
			p := openPolicy(t, e, bomb(t, body))
			took = append(took, processor(t, func() {
				if _, err := p.Eval(t.Context(), ask(1)); err == nil {
					t.Errorf("%s: no error", name)
				}
			}))
		}
		slices.Sort(took)
		t.Logf("%s: %s", name, took)
		if took[0] > 50*time.Millisecond { // the others are a cold cache's
			t.Errorf("%s: stopped after %s", name, took)
		}
	}
}

// processor is how long f kept a processor busy: the clock on the wall would
// count what other processes of a busy machine do meanwhile.
func processor(t *testing.T, f func()) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const thisThread = 1 // RUSAGE_THREAD
	var before, after syscall.Rusage
	if err := errors.Join(syscall.Getrusage(thisThread, &before), func() error { f(); return syscall.Getrusage(thisThread, &after) }()); err != nil {
		t.Fatal(err)
	}
	return time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
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

// TestEngine_AnEndlessGuestLeavesOthersAlone runs a loop without end, with only
// its deadline to stop it, beside a good guest on one seat, and collects
// garbage all the while.
func TestEngine_AnEndlessGuestLeavesOthersAlone(t *testing.T) { //nolint:paralleltest // it measures time
	before := goleak.IgnoreCurrent()
	e, err := New(t.Context(), Options{Deadline: 300 * time.Millisecond, PolicyFuel: forever, Running: 1})
	if err != nil {
		t.Fatal(err)
	}
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
	served, collections := pauses(func() bool {
		if _, err := good.Eval(t.Context(), ask(1)); err != nil {
			t.Fatal(err)
		}
		return !stop.Load()
	})
	if err := <-done; vigil.CodeOf(err) != "guest_deadline" {
		t.Errorf("endless guest: %v", err)
	}
	slices.Sort(collections)
	quick := collections[len(collections)/4]
	t.Logf("%d calls of another guest meanwhile; %d collections, pauses: quickest quarter %s, longest %s", served, len(collections), quick, collections[len(collections)-1])
	if served < 10 || quick > 5*time.Millisecond { // the longer ones are a busy machine's
		t.Errorf("%d calls of another guest, the quickest quarter of the pauses up to %s", served, quick)
	}
	if err := errors.Join(bad.Close(t.Context()), good.Close(t.Context()), e.Close(t.Context())); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
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
