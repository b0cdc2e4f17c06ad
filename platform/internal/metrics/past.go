package metrics

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// eachChunk reads one page and yields those of its chunks that want accepts.
// A page whose bytes are not what was written is told, and an error.
func (s *Store) eachChunk(ctx context.Context, dec *page.Decoder, ref flow.PageRef, want func(uint64, int64, int64) bool, yield func(page.Chunk) bool) error {
	p, err := s.past.Page(ctx, ref)
	if err != nil {
		return err
	}
	if err := openPage(dec, p, want, yield); err != nil {
		err = fmt.Errorf("read page %d of history: %w", ref.ID, err)
		s.setAside(ctx, err)
		return err
	}
	return nil
}

// covered marks a checksum that covers the columns beside a page too, by which
// it is found; pages of the first versions have it of their data alone.
const covered = 1 << 32

// pageSum is the CRC-32C of a page's data and then of its columns.
func pageSum(p flow.Page) uint64 {
	columns := make([]byte, 0, 48)
	for _, v := range [...]uint64{uint64(p.Block), p.MinSeries, p.MaxSeries, uint64(p.MinTime), uint64(p.MaxTime), uint64(p.Samples)} {
		columns = binary.LittleEndian.AppendUint64(columns, v)
	}
	return covered | uint64(crc32.Update(checksum(p.Data), castagnoli(), columns))
}

func openPage(dec *page.Decoder, p flow.Page, want func(uint64, int64, int64) bool, yield func(page.Chunk) bool) error {
	if sum := p.Checksum; sum != pageSum(p) && (sum&covered != 0 || sum != uint64(checksum(p.Data))) {
		return vigil.Errorf(vigil.Internal, "page_corrupt", "the checksum does not match")
	}
	if err := dec.Each(p.Data, want, yield); err != nil {
		return vigil.Errorf(vigil.Internal, "page_corrupt", "%v", err)
	}
	return nil
}

// DecodePage reads the samples of a page by series and then by time, until
// yield returns false. A page whose bytes are not what was written gives code
// page_corrupt; nothing of a page with a wrong checksum is yielded.
func DecodePage(p flow.Page, yield func(series uint64, ts int64, v float64) bool) error {
	dec, err := page.NewDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	return openPage(dec, p, anything, func(c page.Chunk) bool {
		for i, t := range c.Times {
			if !yield(c.Series, t, c.Values[i]) {
				return false
			}
		}
		return true
	})
}

func anything(uint64, int64, int64) bool { return true }

// setAside counts and tells damage that was met. What is damaged stays where it
// is, and what is around it is read.
func (s *Store) setAside(ctx context.Context, err error) {
	s.corrupt.Add(1)
	s.log.ErrorContext(ctx, "damaged history set aside", "err", err)
}

// pages returns the pages of a block within a range. The first time that a block
// is read, its index is compared to what the block says of it: a page that no
// range finds any more would be missed by nobody. Such a block is told, read as
// far as it can be, and never merged.
func (s *Store) pages(ctx context.Context, b flow.Block, within flow.PageRef) ([]flow.PageRef, error) {
	if s.views.prove(b.ID) {
		all, err := s.past.Pages(ctx, b.ID, everywhere())
		if err != nil {
			s.views.unproven(b.ID)
			return nil, err
		}
		if !b.Lists(all) {
			s.views.skip(b.ID)
			s.setAside(ctx, vigil.Errorf(vigil.Internal, "block_corrupt", "the pages of block %d are not those it was made with", b.ID))
		}
	}
	return s.past.Pages(ctx, b.ID, within)
}

// eachSealed yields the chunks of some series, ids ascending, that overlap
// [lo, hi], in the order in which the log received them. Damaged pages are left out.
func (s *Store) eachSealed(ctx context.Context, blocks []flow.Block, ids []uint64, lo, hi int64, yield func(page.Chunk) bool) error {
	more := true
	want := func(series uint64, first, last int64) bool {
		_, asked := slices.BinarySearch(ids, series)
		return asked && first <= hi && last >= lo
	}
	return s.eachPage(ctx, blocks, ids, lo, hi, func(dec *page.Decoder, ref flow.PageRef) (bool, error) {
		err := s.eachChunk(ctx, dec, ref, want, func(c page.Chunk) bool {
			more = yield(c)
			return more
		})
		return more, err
	})
}

// eachPage visits the pages that may hold chunks of some series, ids ascending,
// within [lo, hi], until a visit wants no more. A visit that met a damaged page
// does not end it.
func (s *Store) eachPage(ctx context.Context, blocks []flow.Block, ids []uint64, lo, hi int64, visit func(*page.Decoder, flow.PageRef) (more bool, err error)) error {
	if len(ids) == 0 || len(blocks) == 0 {
		return nil
	}
	dec, err := page.NewDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	within := flow.PageRef{MinSeries: ids[0], MaxSeries: ids[len(ids)-1], MinTime: lo, MaxTime: hi}
	for _, b := range blocks {
		if b.MinTime > hi || b.MaxTime < lo {
			continue
		}
		refs, err := s.pages(ctx, b, within)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if at, _ := slices.BinarySearch(ids, ref.MinSeries); at == len(ids) || ids[at] > ref.MaxSeries {
				continue
			}
			more, err := visit(dec, ref)
			if err != nil && vigil.CodeOf(err) != "page_corrupt" {
				return fmt.Errorf("read block %d: %w", b.ID, err)
			}
			if !more {
				return nil
			}
		}
	}
	return nil
}
