package wasm

import (
	"sync/atomic"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// budget is how much memory all guests of an engine may have together. A guest
// that would pass it is told that there is no more, as if it had reached its
// own limit.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// region is the memory of one instance: address space for all that it may ever
// have, reserved at once and outside the collector's heap. So a guest that
// grows is never copied, what it has not touched costs nothing, and what it
// had is the system's again as soon as it is closed.
type region struct {
	budget  *budget
	space   []byte
	used    uint64
	refused bool // the common budget, not the guest's own limit, ended its growth
}

var _ experimental.LinearMemory = (*region)(nil)

// reserve makes the memory of an instance that starts with low bytes and may
// have high. The runtime cannot be told that there is none, so it is asked for
// here, before the runtime.
func (b *budget) reserve(low, high uint64) (*region, error) {
	if b.used.Load()+int64(low) > b.limit {
		return nil, vigil.Errorf(vigil.Busy, "memory_budget", "all guests together have %d MiB, the limit is %d MiB", b.used.Load()>>20, b.limit>>20).
			With("limit", b.limit)
	}
	space, err := syscall.Mmap(-1, 0, int(max(high, wasmPage)), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, vigil.Errorf(vigil.Busy, "memory_budget", "no address space for a guest of %d MiB: %s", high>>20, err)
	}
	return &region{budget: b, space: space}, nil
}

// Allocate hands the runtime the region: each instance has its own allocator.
func (r *region) Allocate(uint64, uint64) experimental.LinearMemory { return r }

// Reallocate lets the memory grow to size bytes, or says nil.
func (r *region) Reallocate(size uint64) []byte {
	if size > uint64(len(r.space)) {
		return nil
	}
	if size > r.used && !r.budget.take(int64(size-r.used)) {
		r.refused = true
		if r.used == 0 { // the start: the budget went to others meanwhile
			panic(trap("memory_budget", "all guests together have as much memory as they may"))
		}
		return nil
	}
	r.used = max(r.used, size)
	return r.space[:size:size]
}

// Free gives the memory back. Nothing may point into it any more.
func (r *region) Free() {
	if r.space == nil {
		return
	}
	r.budget.give(int64(r.used))
	_ = syscall.Munmap(r.space) // fails only for what was never mapped
	r.space, r.used = nil, 0
}
