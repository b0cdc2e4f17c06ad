package metrics

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// MaxLatest bounds an answer of Latest.
const MaxLatest = 10_000

// lateness is how much older than its receipt an admitted sample may be. Rows
// are found by sample time, so a search by receipt looks this much further.
const lateness = time.Hour

// Latest returns the n samples received last, newest first: from memory while
// that holds as many, else from the log.
func (s *Store) Latest(ctx context.Context, n int) ([]vigil.Sample, error) {
	n = max(0, min(n, MaxLatest))
	s.mu.RLock()
	points, ok := s.recent.newest(n)
	s.mu.RUnlock()
	if !ok {
		var err error
		if points, err = s.latestStored(ctx, n); err != nil {
			return nil, fmt.Errorf("read the %d latest samples: %w", n, err)
		}
	}
	out := make([]vigil.Sample, 0, len(points))
	for _, p := range points {
		if one := s.index.byID(p.series); one != nil {
			out = append(out, vigil.Sample{
				Name: one.meta.Name, Value: p.v, Time: time.Unix(0, p.t).UTC(), Labels: one.meta.Labels,
			})
		}
	}
	return out, nil
}

// latestStored looks back ever further until n samples are found.
func (s *Store) latestStored(ctx context.Context, n int) ([]point, error) {
	v, done := s.views.pin()
	defer done()
	now := s.opts.Now()
	for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 0} {
		since, from := int64(math.MinInt64), int64(math.MinInt64)
		if back > 0 {
			since, from = now.Add(-back).UnixNano(), now.Add(-back-lateness).UnixNano()
		}
		last := ring{rows: make([]point, n)}
		err := s.eachLogged(ctx, v.logFrom, from, math.MaxInt64, func(p point) bool {
			if p.received >= since {
				last.put(p)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		points, _ := last.newest(last.count)
		if len(points) < n {
			sealed, err := s.latestSealed(ctx, v, since, n-len(points))
			if err != nil {
				return nil, err
			}
			points = append(points, sealed...)
		}
		if len(points) == n || back == 0 {
			return points, nil
		}
	}
	return nil, nil
}

// latestSealed returns the n newest samples in blocks, newest first. When they
// were received is forgotten by then, so their own time counts.
func (s *Store) latestSealed(ctx context.Context, v *view, since int64, n int) ([]point, error) {
	var points []point
	prune := func() {
		slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(b.t, a.t) })
		points = points[:min(n, len(points))]
	}
	err := s.eachSealed(ctx, v.blocks, s.index.all(), since, math.MaxInt64, func(c page.Chunk) bool {
		for i, t := range c.Times {
			if t >= since {
				points = append(points, point{t, c.Series, t, c.Values[i]})
			}
		}
		if len(points) > 4*n+1024 {
			prune()
			since = max(since, points[len(points)-1].t)
		}
		return true
	})
	prune()
	return points, err
}

// Samples returns the samples with from ≤ time ≤ to of every chosen series, by
// series id. Series without any are left out. An answer of more samples than the
// limit gives code query_too_expensive; 0 is the store's own limit. If a metric
// is chosen, what it costs depends on its series and not on how many others
// there are.
func (s *Store) Samples(ctx context.Context, which flow.Choice, from, to time.Time, limit int) ([]flow.History, error) {
	found, lo, hi := s.index.chosen(which), clampNano(from), clampNano(to)
	limit = min(cmp.Or(limit, s.opts.MaxQuery), s.opts.MaxQuery)
	if len(found) == 0 || lo > hi {
		return nil, nil
	}
	if out, ok, err := s.fromHeads(found, lo, hi, limit); ok {
		return out, err
	}
	return s.fromDisk(ctx, found, lo, hi, limit)
}

// fromHeads answers from memory; ok is false when a head does not reach back
// to lo.
func (s *Store) fromHeads(found []*series, lo, hi int64, limit int) (out []flow.History, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	total := 0
	for _, one := range found {
		if !one.head.covers(lo) {
			return nil, false, nil
		}
		rows := one.head.rows
		first := sort.Search(len(rows), func(i int) bool { return rows[i].t >= lo })
		last := sort.Search(len(rows), func(i int) bool { return rows[i].t > hi })
		if first == last {
			continue
		}
		if total += last - first; total > limit {
			return nil, true, errTooMany()
		}
		out = append(out, history(one, rows[first:last]))
	}
	return out, true, nil
}

// fromDisk answers from blocks and the log, where everything is.
func (s *Store) fromDisk(ctx context.Context, found []*series, lo, hi int64, limit int) ([]flow.History, error) {
	v, done := s.views.pin()
	defer done()
	ids := make([]uint64, len(found))
	rows := make(map[uint64][]sample, len(found))
	for i, one := range found {
		ids[i], rows[one.id] = one.id, nil
	}
	total := 0
	put := func(id uint64, t int64, value float64) bool {
		if have, ok := rows[id]; ok && lo <= t && t <= hi {
			rows[id] = append(have, sample{t, value})
			total++
		}
		return total <= limit
	}
	err := s.eachSealed(ctx, v.blocks, ids, lo, hi, func(c page.Chunk) bool {
		for i, t := range c.Times {
			if !put(c.Series, t, c.Values[i]) {
				return false
			}
		}
		return true
	})
	if err == nil && total <= limit {
		err = s.eachLogged(ctx, v.logFrom, lo, hi, func(p point) bool { return put(p.series, p.t, p.v) })
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %d series: %w", len(found), err)
	}
	if total > limit {
		return nil, errTooMany()
	}
	var out []flow.History
	for _, one := range found {
		if len(rows[one.id]) > 0 {
			out = append(out, history(one, inOrder(rows[one.id])))
		}
	}
	return out, nil
}

func history(one *series, rows []sample) flow.History {
	h := flow.History{ID: one.id, Meta: one.meta, Times: make([]int64, len(rows)), Values: make([]float64, len(rows))}
	for i, r := range rows {
		h.Times[i], h.Values[i] = r.t, r.v
	}
	return h
}

func errTooMany() error {
	return vigil.Errorf(vigil.Invalid, "query_too_expensive", "the answer would hold too many samples").
		Hinted("Ask for fewer series or a shorter range.")
}

// clampNano returns unix nanoseconds; times that do not fit become the nearest
// that do.
func clampNano(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
