package sqlite

import (
	"context"
	"database/sql"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Pages returns the pages of a block that overlap a range of series and of
// times, in the block's order.
func (db *DB) Pages(ctx context.Context, block int64, within flow.PageRef) ([]flow.PageRef, error) {
	var refs []flow.PageRef
	for after, more := int64(0), true; more; {
		some, err := list(ctx, db, scanPageRef, `SELECT id, min_series, max_series, min_time, max_time, samples FROM pages
			WHERE block = ? AND id > ? AND max_series >= ? AND min_series <= ? AND max_time >= ? AND min_time <= ? ORDER BY id LIMIT ?`,
			block, after, seriesColumn(within.MinSeries), seriesColumn(within.MaxSeries), within.MinTime, within.MaxTime, listMax)
		if err != nil {
			return nil, wrap(err, "find pages of block %d", block)
		}
		for i := range some {
			some[i].Block = block
		}
		if refs = append(refs, some...); len(some) > 0 {
			after = some[len(some)-1].ID
		}
		more = len(some) == listMax
	}
	return refs, nil
}

// seriesColumn is a series id as the column holds it; ids beyond an int64 are
// never given.
func seriesColumn(id uint64) int64 { return int64(min(id, 1<<63-1)) }

func scanPageRef(rows *sql.Rows) (r flow.PageRef, err error) {
	var low, high int64
	err = rows.Scan(&r.ID, &low, &high, &r.MinTime, &r.MaxTime, &r.Samples)
	r.MinSeries, r.MaxSeries = uint64(low), uint64(high)
	return r, err
}

// Page returns a page as the disk gave it, with the checksum that it and what
// it was found by should have.
func (db *DB) Page(ctx context.Context, ref flow.PageRef) (flow.Page, error) {
	p := flow.Page{PageRef: ref}
	var sum int64
	found, err := db.one(ctx, []any{&p.Data, &sum}, `SELECT data, checksum FROM pages WHERE id = ?`, ref.ID)
	if err == nil && !found {
		err = vigil.Errorf(vigil.Internal, "page_missing", "page %d is not there", ref.ID)
	}
	p.Checksum = uint64(sum)
	return p, wrap(err, "read page %d", ref.ID)
}

// MeasureLog returns the run of rows after a row that holds about so many
// samples, and all rows after it.
func (db *DB) MeasureLog(ctx context.Context, after, samples int64) (prefix, whole flow.LogSpan, err error) {
	const columns = `coalesce(max(id), 0), coalesce(min(first), 0), coalesce(sum(samples), 0), coalesce(sum(size), 0),
		coalesce(min(min_time), 0), coalesce(max(max_time), 0)`
	scan := func(s *flow.LogSpan) []any {
		return []any{&s.LastID, &s.First, &s.Samples, &s.Bytes, &s.MinTime, &s.MaxTime}
	}
	_, err = db.one(ctx, scan(&whole), `SELECT `+columns+` FROM log WHERE id > ?`, after)
	if err != nil || whole.Samples <= samples {
		return whole, whole, wrap(err, "measure metric log")
	}
	_, err = db.one(ctx, scan(&prefix), `SELECT `+columns+` FROM log WHERE id > ? AND first < ?`, after, whole.First+samples)
	return prefix, whole, wrap(err, "measure metric log")
}
