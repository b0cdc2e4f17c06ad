package metrics

import (
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

// Known returns the description of every chosen series that was heard of between
// from and to, by id; over all times, of those without a sample too. Of a time
// long ago it errs by the length of a chunk, as Prometheus does: a series with
// samples before and after, but none between, is named.
func (s *Store) Known(ctx context.Context, which flow.Choice, from, to time.Time) ([]vigil.Series, error) {
	found, lo, hi := s.index.chosen(which), clampNano(from), clampNano(to)
	if lo > math.MinInt64 || hi < math.MaxInt64 {
		heard, err := s.heard(ctx, found, lo, hi)
		if err != nil {
			return nil, fmt.Errorf("look for samples of %d series: %w", len(found), err)
		}
		found = slices.DeleteFunc(found, func(one *series) bool { return !heard[one.id] })
	}
	out := make([]vigil.Series, len(found))
	for i, one := range found {
		out[i] = one.meta
	}
	return out, nil
}

// heard tells which series have samples within [lo, hi]. Most heads know; the
// disk is asked for the others, and only for what its pages say of themselves.
func (s *Store) heard(ctx context.Context, found []*series, lo, hi int64) (map[uint64]bool, error) {
	heard := make(map[uint64]bool, len(found))
	if lo > hi {
		return heard, nil
	}
	v, done := s.views.pin() // before the heads are asked: what leaves them after is in it
	defer done()
	unsure := s.heardInHeads(found, lo, hi, heard)
	left := len(unsure)
	hear := func(series uint64) {
		if _, asked := slices.BinarySearch(unsure, series); asked && !heard[series] {
			heard[series] = true
			left--
		}
	}
	note := func(series uint64, first, last int64) bool {
		if first <= hi && last >= lo {
			hear(series)
		}
		return false // its samples are not wanted
	}
	err := s.eachPage(ctx, v.blocks, unsure, lo, hi, func(dec *page.Decoder, ref flow.PageRef) (bool, error) {
		err := s.eachChunk(ctx, dec, ref, note, nil)
		return left > 0, err
	})
	if err != nil || left == 0 {
		return heard, err
	}
	return heard, s.eachLogged(ctx, v.logFrom, lo, hi, func(p point) bool {
		if lo <= p.t && p.t <= hi {
			hear(p.series)
		}
		return left > 0
	})
}

// atOnce is how many heads are asked before appends have a turn.
const atOnce = 4096

// heardInHeads notes what memory can tell and returns the ids of the series of
// which it cannot, ascending.
func (s *Store) heardInHeads(found []*series, lo, hi int64, heard map[uint64]bool) (unsure []uint64) {
	for some := range slices.Chunk(found, atOnce) {
		unsure = append(unsure, s.heardInSome(some, lo, hi, heard)...)
	}
	return unsure
}

func (s *Store) heardInSome(found []*series, lo, hi int64, heard map[uint64]bool) (unsure []uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, one := range found {
		rows := one.head.rows
		at := sort.Search(len(rows), func(i int) bool { return rows[i].t >= lo })
		switch {
		case at < len(rows) && rows[at].t <= hi:
			heard[one.id] = true
		case !one.head.covers(lo):
			unsure = append(unsure, one.id)
		}
	}
	return unsure
}
