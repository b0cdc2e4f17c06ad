package ingest

import (
	"slices"
	"sync"
	"time"
)

const (
	maxDeltas   = 200_000   // series that are added up
	deltaIdle   = time.Hour // after this a sum may be forgotten for another's sake
	deltaSweeps = time.Minute
)

// deltas adds up what senders tell as differences, so that it is stored as the
// counter that all other protocols send. The sums live in memory: after a restart
// a series begins again at its next difference, which readers of counters take
// for the reset that it is. A difference that is not newer than the one before is
// refused, so that a request sent twice counts once.
type deltas struct {
	mu    sync.Mutex // guards all below
	sums  map[uint64]sum
	swept int64 // unix nanoseconds of the last search for idle ones
}

// sum is a series' total and the time of its newest difference.
type sum struct {
	total float64
	last  int64 // unix nanoseconds
}

// undo is how to take a difference back.
type undo struct {
	id     uint64
	before sum
	after  sum
	v      float64
}

// code says why the differences of an item cannot be added. Called with mu held.
func (d *deltas) code(b *builder, rows []row) string {
	for _, r := range rows {
		if !b.adds(r) {
			continue
		}
		s, ok := d.sums[b.runs[r.run].series.ID]
		if ok && r.t <= s.last {
			return "delta_out_of_order"
		}
		if !ok && len(d.sums) >= maxDeltas && !d.room(b.now) {
			return "delta_limit"
		}
	}
	return ""
}

// room makes room by forgetting idle sums. Called with mu held.
func (d *deltas) room(now int64) bool {
	if now-d.swept < int64(deltaSweeps) {
		return false
	}
	d.swept = now
	for id, s := range d.sums {
		if now-s.last > int64(deltaIdle) {
			delete(d.sums, id)
		}
	}
	return len(d.sums) < maxDeltas
}

// add turns the differences of an item into totals. Called with mu held.
func (d *deltas) add(b *builder, rows []row) {
	for i := range rows {
		if !b.adds(rows[i]) {
			continue
		}
		if d.sums == nil {
			d.sums = map[uint64]sum{}
		}
		id := b.runs[rows[i].run].series.ID
		before := d.sums[id]
		after := sum{before.total + rows[i].v, rows[i].t}
		d.sums[id] = after
		b.added = append(b.added, undo{id, before, after, rows[i].v})
		rows[i].v = after.total
	}
}

// takeBack forgets what a request added that was not stored after all.
func (d *deltas) takeBack(added []undo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range slices.Backward(added) {
		switch now := d.sums[u.id]; {
		case now != u.after: // others have added since
			d.sums[u.id] = sum{now.total - u.v, now.last}
		case u.before == sum{}:
			delete(d.sums, u.id)
		default:
			d.sums[u.id] = u.before
		}
	}
}
