package metrics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Series come and go: each new container brings some. Those without a sample
// within retention are forgotten, so that the index is bounded by what is kept.
//
// On disk each series says when it was seen, in the same commit as its samples,
// but anew only when that is sightEvery ago. A series that was not seen for so
// long is marked first. Whoever looks it up for a batch takes the mark off, and
// only what still bears it at the next round, forgetEvery later, goes: a batch
// that waits for its commit is never as old. Should one be, its group is
// refused rather than stored for a series that is not there.
const (
	forgetEvery  = 10 * time.Minute
	forgetAtOnce = 256 // rows in one write: appends wait for it
)

// sightEvery is how stale a series' time on disk may be.
func (s *Store) sightEvery() int64 { return min(12*time.Hour, s.opts.Retention/2).Nanoseconds() }

// sighted puts what the disk must learn of a series into g: that there is one,
// or that it was seen again after long.
func sighted(one *series, g *flow.LogGroup) {
	if one.durable {
		g.Seen = append(g.Seen, one.id)
		return
	}
	g.NewSeries = append(g.NewSeries, flow.SeriesRow{ID: one.id, Meta: one.meta, Seen: g.MaxTime})
}

// forget drops the series that were marked at the round before, and marks those
// that are due now.
func (s *Store) forget(ctx context.Context, now time.Time) error {
	if now.Sub(s.forgot) < forgetEvery {
		return nil
	}
	s.forgot = now
	s.committing.Lock()
	gone := s.index.forget(now.Add(-s.opts.Retention).UnixNano() - s.sightEvery() - lateness.Nanoseconds())
	s.committing.Unlock()
	s.did.forgotten.Add(int64(len(gone)))
	for len(gone) > 0 {
		n := min(len(gone), forgetAtOnce)
		if err := s.archive.ForgetSeries(ctx, gone[:n]); err != nil {
			return fmt.Errorf("forget %d series: %w", n, err)
		}
		gone = gone[n:]
	}
	return nil
}

// forget removes the series that bear the mark and were not seen since before,
// and marks those that do not bear it yet. The highest id is never given up: it
// says which were given already. The caller keeps the committer away.
func (x *index) forget(before int64) (gone []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	names, marked := map[string]bool{}, false
	for id, one := range x.ids {
		if one.seen >= before || id == x.last {
			continue
		}
		if !one.leaving.Swap(true) {
			marked = true
			continue
		}
		delete(x.ids, id)
		delete(x.keys, string(flow.AppendKey(nil, one.meta)))
		names[one.meta.Name] = true
		if one.durable {
			gone = append(gone, id)
		}
	}
	if marked || len(names) > 0 {
		x.generation.Add(1) // marks too: who remembers a series must ask for it again
	}
	if len(names) > 0 {
		for _, one := range x.ids {
			if one.next != nil && x.ids[one.next.id] != one.next {
				one.next = nil // or it would be found, and kept, for ever
			}
		}
	}
	for name := range names {
		var left []*series // readers may hold the old list
		for _, one := range x.of[name] {
			if x.ids[one.id] == one {
				left = append(left, one)
			}
		}
		if x.of[name] = left; left == nil {
			delete(x.of, name)
		}
	}
	return gone
}

// neverSeen is the time of a series without a sample.
const neverSeen = math.MinInt64

// known puts the series of a batch into s.group. It refuses a batch for a series
// that was forgotten while it waited.
func (s *Store) known(b *flow.Batch) error {
	had := len(s.group.series)
	s.group.series = s.index.resolve(s.group.series, b.Runs)
	if slices.Contains(s.group.series[had:], nil) {
		s.group.series = s.group.series[:had]
		return vigil.Errorf(vigil.Busy, "series_forgotten", "a series was forgotten before its samples came to the disk").
			Hinted("Send them again.")
	}
	return nil
}
