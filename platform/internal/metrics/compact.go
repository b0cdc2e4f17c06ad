package metrics

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	mergeBlocks = 8              // neighbours of one level that become one of the next
	mergeSpan   = 24 * time.Hour // a merged block covers no more, so that retention goes by the day
	mergeLevels = 4              // of merges
)

// compact merges neighbouring blocks of one level into one, if there are
// enough. It reports whether it did.
func (s *Store) compact(ctx context.Context) (merged bool, err error) {
	v, done := s.views.pin()
	defer done()
	blocks := s.mergeable(v.blocks)
	if blocks == nil {
		return false, nil
	}
	b, err := s.newBuilder(blocks[0].Level+1, blocks[0].First)
	if err != nil {
		return false, err
	}
	defer b.close()
	change := flow.Settlement{}
	for _, one := range blocks {
		change.Dead = append(change.Dead, one.ID)
	}
	change.Live, err = s.merge(ctx, b, blocks)
	if err == nil {
		err = s.settle(ctx, change)
	}
	if err != nil {
		s.views.abandon(b.block.ID)
		if vigil.CodeOf(err) == "page_corrupt" {
			return true, nil // it was told, and its block is left out from now on
		}
		return false, fmt.Errorf("merge %d blocks: %w", len(blocks), err)
	}
	s.did.merged.Add(1)
	return true, nil
}

// mergeable returns the first run of neighbours that should become one.
func (s *Store) mergeable(blocks []flow.Block) []flow.Block {
	for from := 0; from < len(blocks); {
		to := from + 1
		low, high := blocks[from].MinTime, blocks[from].MaxTime
		for to < len(blocks) && to-from < mergeBlocks && blocks[to].Level == blocks[from].Level {
			low, high = min(low, blocks[to].MinTime), max(high, blocks[to].MaxTime)
			if high-low > mergeSpan.Nanoseconds() || high < low || s.views.skips(blocks[to].ID) {
				break
			}
			to++
		}
		if to-from == mergeBlocks && blocks[from].Level < mergeLevels && !s.views.skips(blocks[from].ID) {
			return blocks[from:to]
		}
		from++
	}
	return nil
}

// merge reads blocks side by side and adds each series to b in one piece.
func (s *Store) merge(ctx context.Context, b *builder, blocks []flow.Block) (*flow.Block, error) {
	walks := make([]*walk, len(blocks))
	for i, one := range blocks {
		w, err := s.walk(ctx, one)
		if err != nil {
			return nil, err
		}
		defer w.dec.Close()
		walks[i] = w
	}
	for {
		series, more := lowest(walks)
		if !more {
			return b.finish(ctx)
		}
		var rows []sample
		for _, w := range walks { // the later block last, so that it wins
			var err error
			if rows, err = w.take(ctx, series, rows); err != nil {
				return nil, err
			}
		}
		if err := b.add(ctx, series, inOrder(rows)); err != nil {
			return nil, err
		}
	}
}

// lowest returns the lowest series at which a walk stands.
func lowest(walks []*walk) (series uint64, more bool) {
	series = math.MaxUint64
	for _, w := range walks {
		if len(w.chunks) > 0 && w.chunks[0].series <= series {
			series, more = w.chunks[0].series, true
		}
	}
	return series, more
}

// walk is a position in a block.
type walk struct {
	s      *Store
	block  flow.Block
	dec    *page.Decoder
	refs   []flow.PageRef // pages not read yet
	chunks []rowsOf       // of the page at hand, not taken yet
}

// rowsOf are samples of one series.
type rowsOf struct {
	series uint64
	rows   []sample
}

func (s *Store) walk(ctx context.Context, block flow.Block) (*walk, error) {
	refs, err := s.pages(ctx, block, everywhere())
	if err != nil {
		return nil, err
	}
	if !block.Lists(refs) { // to merge it would make the loss good
		s.views.skip(block.ID)
		return nil, vigil.Errorf(vigil.Internal, "page_corrupt", "block %d has lost pages", block.ID)
	}
	dec, err := page.NewDecoder()
	if err != nil {
		return nil, err
	}
	w := &walk{s: s, block: block, dec: dec, refs: refs}
	if err := w.fill(ctx); err != nil {
		dec.Close()
		return nil, err
	}
	return w, nil
}

// everywhere is the range of all series and times.
func everywhere() flow.PageRef {
	return flow.PageRef{MaxSeries: math.MaxUint64, MinTime: math.MinInt64, MaxTime: math.MaxInt64}
}

// fill reads the next page when the one at hand is used up.
func (w *walk) fill(ctx context.Context) error {
	for len(w.chunks) == 0 && len(w.refs) > 0 {
		ref := w.refs[0]
		w.refs = w.refs[1:]
		err := w.s.eachChunk(ctx, w.dec, ref, anything, func(c page.Chunk) bool {
			rows := make([]sample, len(c.Times))
			for i := range rows {
				rows[i] = sample{c.Times[i], c.Values[i]}
			}
			w.chunks = append(w.chunks, rowsOf{c.Series, rows})
			return true
		})
		if vigil.CodeOf(err) == "page_corrupt" {
			w.s.views.skip(w.block.ID) // what can be read of it is read where it lies
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// take appends all samples of a series, if the walk stands at it.
func (w *walk) take(ctx context.Context, series uint64, rows []sample) ([]sample, error) {
	for len(w.chunks) > 0 && w.chunks[0].series == series {
		rows = append(rows, w.chunks[0].rows...)
		w.chunks = w.chunks[1:]
		if err := w.fill(ctx); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
