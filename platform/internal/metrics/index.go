package metrics

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// series is one interned series. id and meta never change.
type series struct {
	id      uint64
	meta    vigil.Series
	durable bool // its row is on disk; only Open and the committer touch this
	head    head // guarded by Store.mu
}

// index finds series by their labels and by their id.
type index struct {
	limit int

	mu   sync.RWMutex // guards all below
	keys map[string]*series
	ids  map[uint64]*series
	of   map[string][]*series // by metric name; lists are only ever added to
	last uint64               // highest id given
}

func newIndex(limit int) index {
	return index{limit: limit, keys: map[string]*series{}, ids: map[uint64]*series{}, of: map[string][]*series{}}
}

// load adds a series read from disk. Its head is complete from floor on. The
// limit does not apply: what is on disk is known.
func (x *index) load(r flow.SeriesRow, floor int64) {
	one := &series{id: r.ID, meta: r.Meta, durable: true, head: head{floor: floor}}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.add(string(appendKey(nil, r.Meta.Name, r.Meta.Labels)), one)
}

// add needs mu.
func (x *index) add(key string, one *series) {
	x.keys[key] = one
	x.ids[one.id] = one
	x.of[one.meta.Name] = append(x.of[one.meta.Name], one)
	x.last = max(x.last, one.id)
}

func (x *index) intern(name string, labels vigil.Labels) (uint64, vigil.Series, error) {
	var room [256]byte // on the stack: a known series is found without allocation
	key := appendKey(room[:0], name, labels)
	x.mu.RLock()
	one := x.keys[string(key)]
	x.mu.RUnlock()
	if one == nil {
		var err error
		if one, err = x.create(string(key), name, labels); err != nil {
			return 0, vigil.Series{}, err
		}
	}
	return one.id, one.meta, nil
}

func (x *index) create(key, name string, labels vigil.Labels) (*series, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if one := x.keys[key]; one != nil {
		return one, nil
	}
	if len(x.keys) >= x.limit {
		return nil, vigil.Errorf(vigil.Busy, "series_limit", "there are %d series already", x.limit).
			With("limit", x.limit).
			Hinted("Look for a label whose values never repeat (a request id, a time), drop it, or raise the limit.")
	}
	one := &series{
		id:   x.last + 1,
		meta: vigil.Series{Name: name, Labels: maps.Clone(labels)},
		head: head{floor: math.MinInt64}, // it has no past
	}
	x.add(key, one)
	return one, nil
}

func (x *index) byID(id uint64) *series {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.ids[id]
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

// matching returns the series that match accepts, by id.
func (x *index) matching(match func(vigil.Series) bool) []*series {
	x.mu.RLock()
	all := slices.Collect(maps.Values(x.ids))
	x.mu.RUnlock()
	all = slices.DeleteFunc(all, func(one *series) bool { return !match(one.meta) })
	slices.SortFunc(all, func(a, b *series) int { return cmp.Compare(a.id, b.id) })
	return all
}

// named returns the series of one metric that match accepts, by id.
func (x *index) named(metric string, match func(vigil.Series) bool) []*series {
	x.mu.RLock()
	all := x.of[metric]
	x.mu.RUnlock()
	var found []*series
	for _, one := range all {
		if match(one.meta) {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b *series) int { return cmp.Compare(a.id, b.id) })
	return found
}

// appendKey appends the name and the labels in order, each with its length,
// so that different series never have equal keys.
func appendKey(dst []byte, name string, labels vigil.Labels) []byte {
	dst = appendPart(dst, name)
	var room [16]string
	names := room[:0]
	for k := range labels {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		dst = appendPart(appendPart(dst, k), labels[k])
	}
	return dst
}

func appendPart(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
