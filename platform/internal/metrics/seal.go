package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// sealSamples bounds the samples of a block that is made from the log: they
// are in memory at once, 16 bytes each.
const sealSamples = 512 << 10

// seal moves the oldest rows of the log into a block, if they are due: they
// fill a block, the log is over its limit, or two hours old.
// It reports whether it moved any. Until its last, small write the rows of the
// log are history, and after it the block is.
func (s *Store) seal(ctx context.Context, now time.Time) (moved bool, err error) {
	from := s.views.peek().logFrom
	rows, whole, err := s.archive.MeasureLog(ctx, from, sealSamples)
	if err != nil {
		return false, err
	}
	s.logBytes.Store(whole.Bytes)
	if whole.Samples == 0 || !s.due(rows, whole, now) {
		return false, nil
	}
	series, aside, err := s.unseal(ctx, from, rows.LastID)
	if err != nil {
		return false, fmt.Errorf("seal the metric log: %w", err)
	}
	b, err := s.newBuilder(0, rows.First)
	if err != nil {
		return false, err
	}
	defer b.close()
	block, err := build(ctx, b, series)
	if err == nil {
		err = s.settle(ctx, flow.Settlement{Live: block, LogUpTo: rows.LastID, Aside: aside})
	}
	if err != nil {
		s.views.abandon(b.block.ID)
		return false, fmt.Errorf("seal the metric log: %w", err)
	}
	s.did.sealed.Add(1)
	s.sealedAt = now
	return true, nil
}

// due says whether rows, the beginning of the whole log, should be sealed. A
// log that grows slowly is sealed every two hours, so that a start has little to
// read; late samples, which look old at once, do not make it more often than
// every quarter of an hour.
func (s *Store) due(rows, whole flow.LogSpan, now time.Time) bool {
	rested := rows.MaxTime < now.Add(-replayed).UnixNano()
	full := rows.Samples >= sealSamples/2 && rested
	old := whole.MinTime < now.Add(-2*time.Hour).UnixNano() && now.Sub(s.sealedAt) >= replayed
	return whole.Bytes > s.opts.MaxLogBytes || full || old
}

func build(ctx context.Context, b *builder, series map[uint64][]sample) (*flow.Block, error) {
	for _, id := range slices.Sorted(maps.Keys(series)) {
		if err := b.add(ctx, id, inOrder(series[id])); err != nil {
			return nil, err
		}
	}
	return b.finish(ctx)
}

// unseal reads rows of the log into memory, by series, in the order they were
// received. Damaged rows are named.
func (s *Store) unseal(ctx context.Context, after, last int64) (series map[uint64][]sample, aside []int64, err error) {
	series = map[uint64][]sample{}
	end := errors.New("end")
	err = s.journal.EachLog(ctx, after, math.MinInt64, math.MaxInt64, func(row flow.LogRow) error {
		if row.ID > last {
			return end
		}
		err := decodeRow(row, func(p point) bool {
			series[p.series] = append(series[p.series], sample{p.t, p.v})
			return true
		})
		if err != nil {
			s.setAside(ctx, err)
			aside = append(aside, row.ID)
		}
		return ctx.Err()
	})
	if errors.Is(err, end) {
		err = nil
	}
	return series, aside, err
}

// settle makes a change of what is history, on disk and for readers.
func (s *Store) settle(ctx context.Context, change flow.Settlement) error {
	if err := s.archive.Settle(ctx, change); err != nil {
		return err
	}
	s.views.settled(change)
	return nil
}

// sweep deletes what is history no more and what no reader still reads.
func (s *Store) sweep(ctx context.Context) error {
	dead, logUpTo := s.views.sweepable()
	for more := len(dead) > 0 || logUpTo > s.sweptLog; more; {
		var rows int64
		var err error
		if rows, more, err = s.archive.Sweep(ctx, dead, logUpTo); err != nil {
			return fmt.Errorf("sweep history: %w", err)
		}
		s.did.cut.Add(rows)
	}
	s.views.swept(dead)
	s.did.swept.Add(int64(len(dead)))
	s.sweptLog = max(s.sweptLog, logUpTo)
	return nil
}

// inOrder sorts samples by time and keeps the last received of each time.
func inOrder(rows []sample) []sample {
	byTime := func(a, b sample) int { return cmp.Compare(a.t, b.t) }
	if !slices.IsSortedFunc(rows, byTime) {
		slices.SortStableFunc(rows, byTime)
	}
	kept := rows[:0]
	for i, r := range rows {
		if i+1 == len(rows) || rows[i+1].t != r.t {
			kept = append(kept, r)
		}
	}
	return kept
}
