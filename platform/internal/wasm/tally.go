package wasm

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The quarantine of a module whose guests trap again and again.
const (
	defaultStrikes = 5
	minQuarantine  = time.Second
	maxQuarantine  = 5 * time.Minute
	calm           = 10 * time.Minute // without a trap, and the past is forgotten
	maxTallies     = 1024             // modules that are remembered
)

// Stats is what the guests of an engine cost until now.
type Stats struct {
	Seats        int   // guests that may run at once
	Memory       int64 // bytes of all guests together
	MemoryBudget int64
	Modules      []ModuleStats // by digest
}

// ModuleStats is what the guests of one module cost since the engine knows it.
type ModuleStats struct {
	Digest      string
	Name        string
	Kind        vigil.ModuleKind
	Instances   int // that are open now
	Calls       uint64
	Samples     uint64
	Fuel        uint64
	Asked       uint64            // calls that judged samples or ran an action
	AskedFuel   uint64            // of those
	AskedTime   time.Duration     // of those
	Time        time.Duration     // in the guest, with the host calls it made
	Pages       uint32            // of 64 KiB, the most that one instance had
	Traps       map[string]uint64 // by code
	LastTrap    string            // its code
	Quarantined time.Time         // until when; zero if it is not
}

// tally counts what a module costs and how it behaves. It outlives the
// compiled module, or a module could leave its quarantine by being forgotten.
type tally struct {
	name      string
	kind      vigil.ModuleKind
	instances atomic.Int64
	calls     atomic.Uint64
	samples   atomic.Uint64
	fuel      atomic.Uint64
	asked     atomic.Uint64 // calls that did what the module is for, and what they took
	askedFuel atomic.Uint64
	askedTime atomic.Int64
	nanos     atomic.Int64
	pages     atomic.Uint32

	mu      sync.Mutex
	traps   map[string]uint64 // by code; guarded by mu, as are the following
	strikes int               // traps in the recent past
	code    string            // of the last trap
	last    time.Time         // when it was
	until   time.Time         // end of the quarantine
}

func newTally(m vigil.Manifest) *tally {
	return &tally{name: m.Name, kind: m.Kind, traps: map[string]uint64{}}
}

// count adds one call.
func (t *tally) count(fuel int64, took time.Duration) {
	t.calls.Add(1)
	t.fuel.Add(uint64(max(fuel, 0)))
	t.nanos.Add(int64(took))
}

// ask adds one call that was counted already as one of those that do what the
// module is for.
func (t *tally) ask(fuel int64, took time.Duration) {
	t.asked.Add(1)
	t.askedFuel.Add(uint64(max(fuel, 0)))
	t.askedTime.Add(int64(took))
}

func (t *tally) grew(pages uint32) {
	for had := t.pages.Load(); had < pages && !t.pages.CompareAndSwap(had, pages); {
		had = t.pages.Load()
	}
}

// admit refuses a module that is in quarantine.
func (e *Engine) admit(digest string) error {
	e.mu.Lock()
	t := e.tallies[digest]
	e.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.admit(time.Now())
}

// trap counts a call that ended its instance. From the strikes-th on each one
// doubles the time in which no instance is made.
func (t *tally) trap(code string, now time.Time, strikes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.last) > calm && now.Sub(t.until) > calm {
		t.strikes = 0
	}
	t.strikes, t.code, t.last = t.strikes+1, code, now
	t.traps[code]++ // codes are the host's, and few
	if more := t.strikes - strikes; more >= 0 {
		t.until = now.Add(min(minQuarantine<<min(more, 20), maxQuarantine))
	}
}

func (t *tally) admit(now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !now.Before(t.until) {
		return nil
	}
	return vigil.Errorf(vigil.Busy, "module_quarantined", "module %s trapped %d times, the last time with %s, and is held back until %s",
		t.name, t.strikes, t.code, t.until.UTC().Format(time.RFC3339)).
		With("module", t.name).With("retry_at", t.until.UTC()).
		Hinted("vigil module test plays its vectors in the sandbox; push a corrected module")
}

func (t *tally) stats(digest string, now time.Time) ModuleStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := ModuleStats{
		Digest: digest, Name: t.name, Kind: t.kind, Instances: int(t.instances.Load()),
		Calls: t.calls.Load(), Samples: t.samples.Load(), Fuel: t.fuel.Load(),
		Asked: t.asked.Load(), AskedFuel: t.askedFuel.Load(), AskedTime: time.Duration(t.askedTime.Load()),
		Time: time.Duration(t.nanos.Load()), Pages: t.pages.Load(), Traps: maps.Clone(t.traps), LastTrap: t.code,
	}
	if now.Before(t.until) {
		s.Quarantined = t.until
	}
	return s
}

// Stats tells what the guests cost until now.
func (e *Engine) Stats() Stats {
	now := time.Now()
	s := Stats{Seats: cap(e.seats.free), Memory: e.memory.used.Load(), MemoryBudget: e.memory.limit}
	e.mu.Lock()
	defer e.mu.Unlock()
	for digest, t := range e.tallies {
		s.Modules = append(s.Modules, t.stats(digest, now))
	}
	slices.SortFunc(s.Modules, func(a, b ModuleStats) int { return cmp.Compare(a.Digest, b.Digest) })
	return s
}

// tallyOf finds or makes the tally of a module. When there are too many it
// forgets one that has neither instance nor quarantine.
func (e *Engine) tallyOf(digest string, m vigil.Manifest) *tally {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.tallies[digest]; t != nil {
		return t
	}
	if len(e.tallies) >= maxTallies {
		for old, t := range e.tallies {
			if t.instances.Load() == 0 && e.guests[old] == nil && t.admit(now) == nil {
				delete(e.tallies, old)
				break
			}
		}
	}
	t := newTally(m)
	e.tallies[digest] = t
	return t
}
