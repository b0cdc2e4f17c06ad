package metrics

import (
	"context"
	"fmt"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
)

// writeBytes is how much of a block is written at once: appends wait for it.
const writeBytes = 256 << 10

// builder makes one block out of chunks that come in order of series and time.
type builder struct {
	archive  Archive
	perChunk int
	enc      *page.Encoder
	block    flow.Block
	pages    []flow.Page
	bytes    int // of pages
}

func (s *Store) newBuilder(level int, first int64) (*builder, error) {
	enc, err := page.NewEncoder()
	if err != nil {
		return nil, err
	}
	b := &builder{archive: s.archive, perChunk: s.opts.ChunkSamples, enc: enc, block: flow.EmptyBlock(s.views.newID(), level, first)}
	b.block.Live = true
	return b, nil
}

// add takes samples of one series, in order of time, each time once.
func (b *builder) add(ctx context.Context, series uint64, rows []sample) error {
	for len(rows) > 0 {
		n := min(len(rows), b.perChunk)
		c := page.Chunk{Series: series, Times: make([]int64, n), Values: make([]float64, n)}
		for i, r := range rows[:n] {
			c.Times[i], c.Values[i] = r.t, r.v
		}
		b.enc.Add(c)
		rows = rows[n:]
		if b.enc.Full() {
			b.take()
		}
		if b.bytes >= writeBytes {
			if err := b.write(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) take() {
	span := b.enc.Span
	data := b.enc.Take(nil)
	p := flow.Page{
		PageRef: flow.PageRef{
			Block: b.block.ID, MinSeries: span.MinSeries, MaxSeries: span.MaxSeries, MinTime: span.MinTime, MaxTime: span.MaxTime, Samples: span.Samples,
		},
		Data: data,
	}
	p.Checksum = pageSum(p)
	b.pages = append(b.pages, p)
	b.bytes += len(data)
	b.block.Count(p.PageRef, len(data))
}

func (b *builder) write(ctx context.Context) error {
	if err := b.archive.AddPages(ctx, b.block, b.pages); err != nil {
		return fmt.Errorf("write block %d: %w", b.block.ID, err)
	}
	b.pages, b.bytes = b.pages[:0], 0
	return nil
}

// finish writes what is left. The block is not live yet; it is nil if nothing
// was added.
func (b *builder) finish(ctx context.Context) (*flow.Block, error) {
	if !b.enc.Empty() {
		b.take()
	}
	if b.block.Samples == 0 {
		return nil, nil
	}
	if len(b.pages) > 0 {
		if err := b.write(ctx); err != nil {
			return nil, err
		}
	}
	return &b.block, nil
}

func (b *builder) close() { _ = b.enc.Close() } // it holds memory only
