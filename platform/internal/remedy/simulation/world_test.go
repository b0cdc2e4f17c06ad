package simulation_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is when every history begins.
var epoch = time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)

// world is one history on its way.
type world struct {
	seed  uint64
	rng   *rand.Rand
	now   time.Time // true time; the collector's clock may be off by skew
	until time.Time
	queue agenda
	n     int // things put on the agenda so far

	fleet     []*target
	policies  []*policy
	hands     []*hand
	collector *collector
	watch     *watch

	loud  bool     // keep what happens
	calm  bool     // faults have ended: everything must come to rest
	lines []string // the last things that happened
	err   error    // the first invariant that broke
}

// newWorld draws a fleet, its policies and hands from the seed.
func newWorld(seed uint64, loud bool) *world {
	w := &world{loud: loud, seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), now: epoch}
	w.until = epoch.Add(time.Duration(2+w.rng.IntN(6)) * time.Minute)
	w.watch = newWatch(w)
	w.collector = newCollector(w)
	w.populate()
	w.people()
	w.collector.boot()
	return w
}

// run plays the history, then lets everything come to rest.
func (w *world) run() error {
	w.play(w.until)
	w.calm = true
	w.collector.revive()
	w.play(w.until.Add(quiet))
	if w.err == nil {
		w.watch.rest()
	}
	if w.err == nil {
		return nil
	}
	return fmt.Errorf("%w\nseed %d after %s:\n  %s", w.err, w.seed, w.now.Sub(epoch), strings.Join(w.lines, "\n  "))
}

// quiet is longer than any action, lease, window and jump of these histories.
const quiet = 4 * time.Minute

func (w *world) play(until time.Time) {
	for w.err == nil && len(w.queue) > 0 && !w.queue[0].at.After(until) {
		next := heap.Pop(&w.queue).(*item)
		w.now = next.at
		next.do()
	}
	if w.err == nil {
		w.now = until
	}
}

// in does something later.
func (w *world) in(d time.Duration, do func()) {
	w.n++
	heap.Push(&w.queue, &item{at: w.now.Add(d), n: w.n, do: do})
}

// message delivers something as a network does: late, twice or never.
func (w *world) message(do func()) {
	w.answer(do)
	if w.fault(20) {
		w.in(w.delay()*4, do)
	}
}

// answer delivers what somebody waits for, who takes it only once.
func (w *world) answer(do func()) {
	if !w.fault(30) {
		w.in(w.delay(), do)
	}
}

func (w *world) delay() time.Duration {
	d := time.Duration(1+w.rng.IntN(50)) * time.Millisecond
	if w.fault(25) {
		d += time.Duration(w.rng.IntN(8000)) * time.Millisecond
	}
	return d
}

// fault is true once in n times, and never once the world is calm.
func (w *world) fault(n int) bool { return w.rng.IntN(n) == 0 && !w.calm }

// between draws a time span.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

// say keeps what happened, for a history that breaks.
func (w *world) say(format string, args ...any) {
	if !w.loud {
		return
	}
	if len(w.lines) >= 60 {
		w.lines = w.lines[1:]
	}
	w.lines = append(w.lines, w.now.Sub(epoch).Round(time.Millisecond).String()+" "+fmt.Sprintf(format, args...))
}

// broken notes the first broken invariant.
func (w *world) broken(invariant, format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %s", invariant, fmt.Sprintf(format, args...))
	}
}

// item is one thing to do.
type item struct {
	at time.Time
	n  int // order among those of one time
	do func()
}

// agenda is a heap of items.
type agenda []*item

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].n < a[j].n
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(*item)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
