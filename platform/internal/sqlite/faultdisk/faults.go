package faultdisk

import (
	"sync/atomic"

	lib "modernc.org/sqlite/lib"
)

// Faults is a disk that fails when told to.
type Faults struct {
	fs *FS // kept: C memory points into it

	SyncRC  atomic.Int32 // what the next syncs return; 0 is a true sync
	WriteRC atomic.Int32
	Syncs   atomic.Int64 // true and failed ones
	Writes  atomic.Int64

	// The nth sync or write from now on fails with RC, and with Sticky every
	// one after it.
	SyncIn, WriteIn atomic.Int64
	RC              atomic.Int32
	Sticky          atomic.Bool
	Torn            atomic.Bool // the write does not fail, but half of it is lost
	Met             atomic.Bool // the fault came to pass
}

// NewFaults registers a disk, with every fault off; see Register.
func NewFaults(name string, usual bool) (f *Faults, err error) {
	f = &Faults{}
	f.fs, err = Register(name, f, usual)
	return f, err
}

// Opened does nothing.
func (f *Faults) Opened(string) {}

// Removed does nothing.
func (f *Faults) Removed(string) {}

// Truncate does nothing.
func (f *Faults) Truncate(string, int64) {}

// due counts down to the fault; 0 is no fault, and below it is one for good.
func (f *Faults) due(in *atomic.Int64) bool {
	switch left := in.Load(); {
	case left == 0:
		return false
	case left > 1:
		in.Store(left - 1)
		return false
	case left == 1:
		f.Met.Store(true)
		in.Store(0)
		if f.Sticky.Load() {
			in.Store(-1)
		}
	}
	return true
}

// Sync counts, and fails when it is due.
func (f *Faults) Sync(string) (pretend bool, rc int32) {
	f.Syncs.Add(1)
	if f.due(&f.SyncIn) {
		return false, lib.SQLITE_IOERR_FSYNC
	}
	return false, f.SyncRC.Load()
}

// Write counts, and fails when it is due.
func (f *Faults) Write(_ string, data []byte, _ int64) (keep int, rc int32) {
	f.Writes.Add(1)
	if f.due(&f.WriteIn) {
		if f.Torn.Load() {
			return len(data) / 2, lib.SQLITE_OK
		}
		return 0, f.RC.Load()
	}
	return len(data), f.WriteRC.Load()
}

// Heal turns every fault off.
func (f *Faults) Heal() {
	f.SyncRC.Store(0)
	f.WriteRC.Store(0)
	f.SyncIn.Store(0)
	f.WriteIn.Store(0)
	f.Sticky.Store(false)
	f.Torn.Store(false)
	f.Met.Store(false)
}
