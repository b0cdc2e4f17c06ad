package metrics

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// series is one interned series. id and meta never change.
type series struct {
	id      uint64
	meta    vigil.Series
	home    uint32 // flow.Home of its host label
	durable bool   // its row is on disk; guarded by Store.committing, as are seen and next
	seen    int64
	next    *series     // that came after it in a batch the last time; never a forgotten one
	leaving atomic.Bool // nobody asked for it since it was marked; see forget.go
	head    head        // guarded by Store.mu
}

func (one *series) row() flow.SeriesRow {
	return flow.SeriesRow{ID: one.id, Meta: one.meta, Home: one.home}
}

// stay takes the mark of leaving off; the caller holds the index's lock.
func (one *series) stay() {
	if one.leaving.Load() { // seldom: the line stays shared
		one.leaving.Store(false)
	}
}

// index finds series by their key (flow.AppendKey) and by their id.
type index struct {
	limit      int
	generation atomic.Uint64 // changes under mu, see Store.Generation

	mu   sync.RWMutex // guards all below
	keys map[string]*series
	ids  map[uint64]*series
	of   map[string][]*series // by metric name; lists are added to or replaced
	last uint64               // highest id given
}

func newIndex(limit int) index {
	return index{limit: limit, keys: map[string]*series{}, ids: map[uint64]*series{}, of: map[string][]*series{}}
}

// load adds a series read from disk. Its head is complete from floor on. The
// limit does not apply: what is on disk is known.
func (x *index) load(r flow.SeriesRow, floor int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.add(r.Key, &series{id: r.ID, meta: r.Meta, durable: true, seen: r.Seen, head: head{floor: floor}})
}

// add needs mu.
func (x *index) add(key string, one *series) {
	one.home = flow.Home(one.meta.Labels["host"])
	x.keys[key] = one
	x.ids[one.id] = one
	x.of[one.meta.Name] = append(x.of[one.meta.Name], one)
	x.last = max(x.last, one.id)
}

// reserve keeps ids up to one from being given. What is beyond an int64 is no id.
func (x *index) reserve(id uint64) {
	if id > math.MaxInt64 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = max(x.last, id)
}

// find returns a known series by its key (see flow.AppendKey), without
// allocation. It keeps no part of the key.
func (x *index) find(key []byte) (flow.SeriesRow, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	one := x.keys[string(key)]
	if one == nil {
		return flow.SeriesRow{}, false
	}
	one.stay()
	return one.row(), true
}

// intern returns the series with a key, which is made if it is new.
func (x *index) intern(key []byte) (flow.SeriesRow, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	one := x.keys[string(key)]
	if one == nil {
		if len(x.keys) >= x.limit {
			return flow.SeriesRow{}, vigil.Errorf(vigil.Busy, "series_limit", "there are %d series already", x.limit).
				With("limit", x.limit).
				Hinted("Look for a label whose values never repeat (a request id, a time), drop it, or raise storage.max_series.")
		}
		own := string(key) // the name and the labels are parts of it
		meta, ok := flow.SeriesOf(own)
		if !ok {
			return flow.SeriesRow{}, vigil.Errorf(vigil.Internal, "series_key", "%d bytes are no key of a series", len(key))
		}
		one = &series{id: x.last + 1, meta: meta, seen: neverSeen, head: head{floor: math.MinInt64}} // it has no past
		x.add(own, one)
	}
	one.stay()
	return one.row(), nil
}

func (x *index) byID(id uint64) *series {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.ids[id]
}

// resolve appends the series of a batch's runs, nil for one that is not known.
// Only the committer calls it. Series mostly come in the order of the last time,
// so that each is looked for after the one before it first.
func (x *index) resolve(to []*series, runs []flow.Run) []*series {
	x.mu.RLock()
	defer x.mu.RUnlock()
	last := &series{}
	for i := range runs {
		one := last.next
		if one == nil || one.id != runs[i].ID {
			one = x.ids[runs[i].ID]
			last.next = one
		}
		if to = append(to, one); one != nil {
			last = one
		}
	}
	return to
}

func (x *index) size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.ids)
}

// all returns the ids of all series, ascending.
func (x *index) all() []uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.ids))
}

// chosen returns the series of a choice, by id.
func (x *index) chosen(which flow.Choice) []*series {
	x.mu.RLock()
	all := x.of[which.Metric]
	if which.Metric == "" {
		all = slices.Collect(maps.Values(x.ids))
	}
	x.mu.RUnlock()
	var found []*series
	for _, one := range all {
		if which.Match(one.meta) {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b *series) int { return cmp.Compare(a.id, b.id) })
	return found
}
