package metrics

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

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
		if points, err = s.latestLogged(ctx, n); err != nil {
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

// latestLogged looks back ever further until n samples are found.
func (s *Store) latestLogged(ctx context.Context, n int) ([]point, error) {
	now := s.opts.Now()
	for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 0} {
		since, from := int64(math.MinInt64), int64(math.MinInt64)
		if back > 0 {
			since, from = now.Add(-back).UnixNano(), now.Add(-back-lateness).UnixNano()
		}
		last := ring{rows: make([]point, n)}
		err := s.eachPoint(ctx, from, math.MaxInt64, func(p point) bool {
			if p.received >= since {
				last.put(p)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		if last.count == n || back == 0 {
			points, _ := last.newest(last.count)
			return points, nil
		}
	}
	return nil, nil
}

// History is what is known of one series in a range of time. Times are unix
// nanoseconds, ascending, each once.
type History struct {
	ID     uint64
	Meta   vigil.Series
	Times  []int64
	Values []float64
}

// Samples returns the samples with from ≤ time ≤ to of every series that match
// accepts, by series id. Series without any are left out. An answer over the
// limit gives code query_too_expensive.
func (s *Store) Samples(ctx context.Context, match func(vigil.Series) bool, from, to time.Time) ([]History, error) {
	return s.samples(ctx, s.index.matching(match), clampNano(from), clampNano(to), s.opts.MaxQuery)
}

// Named is Samples for the series of one metric, with a limit of its own. What
// it costs depends on them, not on how many others there are.
func (s *Store) Named(ctx context.Context, metric string, match func(vigil.Series) bool, from, to time.Time, limit int) ([]History, error) {
	return s.samples(ctx, s.index.named(metric, match), clampNano(from), clampNano(to), min(limit, s.opts.MaxQuery))
}

func (s *Store) samples(ctx context.Context, found []*series, lo, hi int64, limit int) ([]History, error) {
	if len(found) == 0 || lo > hi {
		return nil, nil
	}
	if out, ok, err := s.fromHeads(found, lo, hi, limit); ok {
		return out, err
	}
	return s.fromLog(ctx, found, lo, hi, limit)
}

// fromHeads answers from memory; ok is false when a head does not reach back
// to lo.
func (s *Store) fromHeads(found []*series, lo, hi int64, limit int) (out []History, ok bool, err error) {
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

// fromLog answers from disk, where everything is.
func (s *Store) fromLog(ctx context.Context, found []*series, lo, hi int64, limit int) ([]History, error) {
	rows := make(map[uint64][]sample, len(found))
	for _, one := range found {
		rows[one.id] = nil
	}
	total := 0
	err := s.eachPoint(ctx, lo, hi, func(p point) bool {
		if have, ok := rows[p.series]; ok && lo <= p.t && p.t <= hi {
			rows[p.series] = append(have, sample{p.t, p.v})
			total++
		}
		return total <= limit
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %d series: %w", len(found), err)
	}
	var out []History
	for _, one := range found {
		if len(rows[one.id]) > 0 {
			out = append(out, history(one, inOrder(rows[one.id])))
		}
	}
	return out, nil
}

// inOrder sorts samples by time and keeps the last received of each time.
func inOrder(rows []sample) []sample {
	slices.SortStableFunc(rows, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	kept := rows[:0]
	for i, r := range rows {
		if i+1 == len(rows) || rows[i+1].t != r.t {
			kept = append(kept, r)
		}
	}
	return kept
}

func history(one *series, rows []sample) History {
	h := History{ID: one.id, Meta: one.meta, Times: make([]int64, len(rows)), Values: make([]float64, len(rows))}
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
