package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Sealed returns what is history beside the log. A row that is not what was
// written is named, and heeded no further.
func (db *DB) Sealed(ctx context.Context) (s flow.Sealed, err error) {
	if s.LogUpTo, _, err = sealedEnd(ctx, db.one); err != nil {
		return s, wrap(err, "read blocks")
	}
	rows, err := list(ctx, db, scanBlock, selectBlocks+` ORDER BY first, id`)
	if err != nil {
		return s, wrap(err, "read blocks")
	}
	s.Damaged = slices.Clip(db.damaged)
	for _, b := range rows {
		s.LastID = max(s.LastID, b.ID)
		if !b.sound() {
			s.Damaged = append(s.Damaged, vigil.Errorf(vigil.Internal, "block_corrupt", "the row of block %d does not match its checksum", b.ID))
			continue
		}
		s.Blocks = append(s.Blocks, b.Block)
	}
	var last sql.NullInt64
	_, err = db.one(ctx, []any{&last}, `SELECT max(block) FROM pages`)
	s.LastID = max(s.LastID, last.Int64) // a row whose id was damaged must not give its pages to another block
	return s, wrap(err, "read blocks")
}

// blockRow is a block as it lies on disk.
type blockRow struct {
	flow.Block
	tenant           string
	index, live, sum int64
}

const selectBlocks = `SELECT id, tenant, level, first, min_time, max_time, samples, bytes, page_index, live, sum FROM blocks`

func (b *blockRow) dest() []any {
	return []any{&b.ID, &b.tenant, &b.Level, &b.First, &b.MinTime, &b.MaxTime, &b.Samples, &b.Bytes, &b.index, &b.live, &b.sum}
}

// sound says whether the row is what was written, and then makes the block
// whole.
func (b *blockRow) sound() bool {
	b.Index, b.Live = uint32(b.index), b.live == 1
	return b.sum == blockSum(b.tenant, b.Block) && b.index == int64(b.Index) && (b.Live || b.live == 0)
}

func scanBlock(rows *sql.Rows) (b blockRow, err error) { return b, rows.Scan(b.dest()...) }

// sealedEnd reads up to which row the log is in blocks, and up to which sample.
// Nothing can be read or written without knowing it.
func sealedEnd(ctx context.Context, one func(context.Context, []any, string, ...any) (bool, error)) (upto, samples int64, err error) {
	var key, sum int64
	found, err := one(ctx, []any{&key, &upto, &samples, &sum}, `SELECT one, upto, samples, sum FROM log_sealed`)
	if err == nil && (!found || sum != sealedSum(key, upto, samples)) {
		err = vigil.Errorf(vigil.Unavailable, "storage_corrupt", "the row that says how much of the metric log is sealed is damaged").
			Hinted("restore a copy with vigil restore FILE --force, which moves the damaged database aside")
	}
	return upto, samples, err
}

// AddPages puts pages into a block that is not live yet, and begins the block
// if it has none. The caller keeps the pages of one call small, since appends
// wait for them.
func (db *DB) AddPages(ctx context.Context, block flow.Block, pages []flow.Page) error {
	err := db.writeBulk(ctx, func(ctx context.Context, t *tx) error {
		begun := flow.Block{ID: block.ID, Level: block.Level, First: block.First}
		_, err := t.exec(ctx, `INSERT INTO blocks (id, tenant, level, first, min_time, max_time, samples, bytes, page_index, live, sum)
			VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0, ?) ON CONFLICT (id) DO NOTHING`, begun.ID, db.o.Tenant, begun.Level, begun.First, blockSum(db.o.Tenant, begun))
		if err != nil {
			return err
		}
		for _, p := range pages {
			t.w.wal.bytes += len(p.Data)
			_, err := t.exec(ctx, `INSERT INTO pages (block, min_series, max_series, min_time, max_time, samples, checksum, data)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				block.ID, int64(p.MinSeries), int64(p.MaxSeries), p.MinTime, p.MaxTime, p.Samples, int64(p.Checksum), p.Data)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "add %d pages to block %d", len(pages), block.ID)
}

// Settle changes what is history.
func (db *DB) Settle(ctx context.Context, s flow.Settlement) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.settleLog(ctx, s); err != nil {
			return err
		}
		for _, id := range s.Dead {
			if err := t.settleBlock(ctx, id, func(b *flow.Block) { b.Live = false }); err != nil {
				return err
			}
		}
		if s.Live == nil {
			return nil
		}
		return t.settleBlock(ctx, s.Live.ID, func(b *flow.Block) {
			*b = *s.Live
			b.Live = true
		})
	})
	return wrap(err, "settle blocks")
}

// settleBlock changes the row of a block that is what was written.
func (t *tx) settleBlock(ctx context.Context, id int64, change func(*flow.Block)) error {
	var b blockRow
	found, err := t.first(ctx, b.dest(), selectBlocks+` WHERE id = ?`, id)
	switch {
	case err != nil:
		return err
	case !found:
		return vigil.Errorf(vigil.Internal, "block_missing", "block %d has no pages", id)
	case !b.sound():
		return vigil.Errorf(vigil.Internal, "block_corrupt", "the row of block %d does not match its checksum", id)
	}
	change(&b.Block)
	_, err = t.exec(ctx, `UPDATE blocks SET level = ?, first = ?, min_time = ?, max_time = ?, samples = ?, bytes = ?, page_index = ?, live = ?, sum = ? WHERE id = ?`,
		b.Level, b.First, b.MinTime, b.MaxTime, b.Samples, b.Bytes, int64(b.Index), b.Live, blockSum(b.tenant, b.Block), id)
	return err
}

// settleLog moves the end of the sealed log and keeps its damaged rows.
func (t *tx) settleLog(ctx context.Context, s flow.Settlement) error {
	if s.LogUpTo == 0 {
		return nil
	}
	for _, id := range s.Aside {
		if err := t.keepAside(ctx, id); err != nil {
			return err
		}
	}
	_, samples, err := sealedEnd(ctx, t.first)
	if err != nil {
		return err
	}
	if _, err := t.first(ctx, []any{&samples}, `SELECT first + samples FROM log WHERE id = ?`, s.LogUpTo); err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE log_sealed SET upto = ?, samples = ?, sum = ?`, s.LogUpTo, samples, sealedSum(1, s.LogUpTo, samples))
	return err
}

const (
	sweepRows  = 64  // pages or rows of the log that one sweep deletes at most
	spareFrees = 256 // free pages of 4 KiB that the file keeps for what comes next
	giveBack   = 256 // free pages that one sweep gives back to the file system at most
)

// Sweep deletes a few of the pages of blocks that are not live and of the
// rows of the log up to logUpTo, the blocks themselves last, and then makes
// the file smaller by a little. rows is how many of the log it deleted, more
// says that there is more to do.
func (db *DB) Sweep(ctx context.Context, blocks []int64, logUpTo int64) (rows int64, more bool, err error) {
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.sweepLog(ctx, logUpTo)
		rows = n
		for _, id := range blocks {
			if err != nil || n >= sweepRows {
				break
			}
			var gone int64
			gone, err = t.exec(ctx, `DELETE FROM pages WHERE id IN (SELECT id FROM pages WHERE block = ? LIMIT ?)`, id, sweepRows-n)
			if n += gone; err == nil && n < sweepRows {
				_, err = t.exec(ctx, `DELETE FROM blocks WHERE id = ? AND live = 0`, id)
			}
		}
		if more = n >= sweepRows; err == nil && !more {
			more, err = t.shrink(ctx)
		}
		return err
	})
	return rows, more, wrap(err, "sweep blocks")
}

// shrink gives free pages back to the file system, if there are many.
func (t *tx) shrink(ctx context.Context) (more bool, err error) {
	var free int
	if _, err := t.first(ctx, []any{&free}, "PRAGMA freelist_count"); err != nil || free <= spareFrees {
		return false, err
	}
	t.w.wal.bytes += giveBack * 4096 // at worst each is filled with one from the end
	err = t.each(ctx, func(*sql.Rows) error { return nil }, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", giveBack))
	return free-giveBack > spareFrees, err
}

func (t *tx) sweepLog(ctx context.Context, upTo int64) (int64, error) {
	var bytes, rows, last int64
	_, err := t.first(ctx, []any{&bytes, &rows, &last}, `SELECT coalesce(sum(size), 0), count(*), coalesce(max(id), 0)
		FROM (SELECT id, size FROM log WHERE id <= ? ORDER BY id LIMIT ?)`, upTo, sweepRows)
	if err != nil || rows == 0 {
		return 0, err
	}
	t.w.wal.bytes += int(bytes)
	return t.exec(ctx, `DELETE FROM log WHERE id <= ?`, last)
}
