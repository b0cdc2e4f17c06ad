package sqlite

import (
	"sync"
	"sync/atomic"
	"testing"

	lib "modernc.org/sqlite/lib"
)

// faults is a disk that fails when told to. It is registered once per test
// process, under its own name, and one test at a time uses it.
type faults struct {
	shims   *shims
	syncRC  atomic.Int32 // what the next syncs return; 0 is a true sync
	writeRC atomic.Int32
	syncs   atomic.Int64 // true and failed ones
	writes  atomic.Int64

	// The nth sync or write from now on fails with rc, and with sticky every
	// one after it.
	syncIn, writeIn atomic.Int64
	rc              atomic.Int32
	sticky          atomic.Bool
	torn            atomic.Bool // the write does not fail, but half of it is lost
	met             atomic.Bool // the fault came to pass
}

var theFaults = sync.OnceValue(func() *faults {
	f := &faults{}
	f.shims = registerVFS("faults", f)
	return f
})

func (f *faults) opened(string)          {}
func (f *faults) removed(string)         {}
func (f *faults) truncate(string, int64) {}

// due counts down to the fault; 0 is no fault, and below it is one for good.
func (f *faults) due(in *atomic.Int64) bool {
	switch left := in.Load(); {
	case left == 0:
		return false
	case left > 1:
		in.Store(left - 1)
		return false
	case left == 1:
		f.met.Store(true)
		in.Store(0)
		if f.sticky.Load() {
			in.Store(-1)
		}
	}
	return true
}

func (f *faults) sync(string) (pretend bool, rc int32) {
	f.syncs.Add(1)
	if f.due(&f.syncIn) {
		return false, lib.SQLITE_IOERR_FSYNC
	}
	return false, f.syncRC.Load()
}

func (f *faults) write(_ string, data []byte, _ int64) (keep int, rc int32) {
	f.writes.Add(1)
	if f.due(&f.writeIn) {
		if f.torn.Load() {
			return len(data) / 2, lib.SQLITE_OK
		}
		return 0, f.rc.Load()
	}
	return len(data), f.writeRC.Load()
}

// heal turns every fault off.
func (f *faults) heal() {
	f.syncRC.Store(0)
	f.writeRC.Store(0)
	f.syncIn.Store(0)
	f.writeIn.Store(0)
	f.sticky.Store(false)
	f.torn.Store(false)
	f.met.Store(false)
}

// injected opens a database above the faults, which are off before and after.
func injected(t *testing.T) (*faults, *DB) {
	t.Helper()
	f := theFaults()
	t.Cleanup(f.heal)
	return f, openHere(t, Options{vfs: "faults"})
}
