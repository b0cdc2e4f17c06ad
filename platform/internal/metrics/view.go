package metrics

import (
	"slices"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// view is what is history at one moment: the live blocks, and the rows of the
// log after logFrom. It never changes; what changes is which view is the last.
type view struct {
	blocks  []flow.Block // in the order in which the log received their samples
	logFrom int64
	pins    int // readers at work in it; guarded by views.mu
}

// views are the last view and those before it that somebody still reads. What
// a view holds stays on disk until nobody reads it.
type views struct {
	mu      sync.Mutex     // guards all below
	open    []*view        // oldest first; the last is what new readers get
	dead    []int64        // blocks that are in no view of those to come
	nextID  int64          // of a block
	skipped map[int64]bool // blocks with a damaged page, which are left as they are
	proven  map[int64]bool // blocks that were found to have the pages they should
}

func newViews(sealed flow.Sealed) *views {
	v := &views{nextID: sealed.LastID + 1, skipped: map[int64]bool{}, proven: map[int64]bool{}}
	last := &view{logFrom: sealed.LogUpTo}
	for _, b := range sealed.Blocks {
		if b.Live {
			last.blocks = append(last.blocks, b)
		} else {
			v.dead = append(v.dead, b.ID) // a crash left it half made or half swept
		}
	}
	v.open = []*view{last}
	return v
}

// pin returns the last view for reading; done must be called once after.
func (v *views) pin() (now *view, done func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now = v.open[len(v.open)-1]
	now.pins++
	return now, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		now.pins--
	}
}

// peek returns the last view for a look at what it lists, not at the disk.
func (v *views) peek() *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open[len(v.open)-1]
}

// settled makes a change on disk that of all later readers.
func (v *views) settled(s flow.Settlement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.open[len(v.open)-1]
	next := &view{logFrom: max(last.logFrom, s.LogUpTo)}
	for _, b := range last.blocks {
		if !slices.Contains(s.Dead, b.ID) {
			next.blocks = append(next.blocks, b)
		}
	}
	if s.Live != nil {
		at, _ := slices.BinarySearchFunc(next.blocks, s.Live.First, func(b flow.Block, first int64) int { return int(b.First - first) })
		next.blocks = slices.Insert(next.blocks, at, *s.Live)
	}
	v.dead = append(v.dead, s.Dead...)
	v.open = append(v.open, next)
}

// sweepable returns what may be deleted: nothing while an older view is read.
func (v *views) sweepable() (dead []int64, logUpTo int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.open) > 1 && v.open[0].pins == 0 {
		v.open = v.open[1:]
	}
	if len(v.open) > 1 {
		return nil, 0
	}
	return slices.Clone(v.dead), v.open[0].logFrom
}

// swept forgets dead blocks that are gone from the disk.
func (v *views) swept(gone []int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead = slices.DeleteFunc(v.dead, func(id int64) bool { return slices.Contains(gone, id) })
	for _, id := range gone {
		delete(v.proven, id)
	}
}

// newID returns an id for a block.
func (v *views) newID() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nextID++
	return v.nextID - 1
}

// abandon marks a block that was begun and never became live.
func (v *views) abandon(id int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead = append(v.dead, id)
}

// skip leaves a block out of every merge to come.
func (v *views) skip(id int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.skipped[id] = true
}

// unproven takes back what prove noted.
func (v *views) unproven(id int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.proven, id)
}

// prove says whether a block's pages must be looked at still; the caller does.
func (v *views) prove(id int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	must := !v.proven[id]
	v.proven[id] = true
	return must
}

func (v *views) skips(id int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.skipped[id]
}
