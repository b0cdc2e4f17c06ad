package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Blocks returns all blocks, live or not, the one with the oldest samples of
// the log first, and up to which row the log is in live ones.
func (db *DB) Blocks(ctx context.Context) (blocks []flow.Block, logUpTo int64, err error) {
	if _, err = db.one(ctx, []any{&logUpTo}, `SELECT upto FROM log_sealed`); err != nil {
		return nil, 0, wrap(err, "read blocks")
	}
	blocks, err = list(ctx, db, func(rows *sql.Rows) (b flow.Block, err error) {
		return b, rows.Scan(&b.ID, &b.Level, &b.First, &b.MinTime, &b.MaxTime, &b.Samples, &b.Bytes, &b.Live)
	}, `SELECT id, level, first, min_time, max_time, samples, bytes, live FROM blocks ORDER BY first, id`)
	return blocks, logUpTo, wrap(err, "read blocks")
}

// AddPages puts pages into a block that is not live yet, and begins the block
// if it has none. The caller keeps the pages of one call small, since appends
// wait for them.
func (db *DB) AddPages(ctx context.Context, block flow.Block, pages []flow.Page) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO blocks (id, tenant, level, first, min_time, max_time, samples, bytes, live)
			VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING`, block.ID, db.o.Tenant, block.Level, block.First)
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
			if _, err := t.exec(ctx, `UPDATE blocks SET live = 0 WHERE id = ?`, id); err != nil {
				return err
			}
		}
		if b := s.Live; b != nil {
			n, err := t.exec(ctx, `UPDATE blocks SET live = 1, level = ?, first = ?, min_time = ?, max_time = ?, samples = ?, bytes = ? WHERE id = ?`,
				b.Level, b.First, b.MinTime, b.MaxTime, b.Samples, b.Bytes, b.ID)
			if err == nil && n == 0 {
				err = vigil.Errorf(vigil.Internal, "block_missing", "block %d has no pages", b.ID)
			}
			return err
		}
		return nil
	})
	return wrap(err, "settle blocks")
}

// settleLog moves the end of the sealed log and keeps its damaged rows.
func (t *tx) settleLog(ctx context.Context, s flow.Settlement) error {
	if s.LogUpTo == 0 {
		return nil
	}
	for _, id := range s.Aside {
		_, err := t.exec(ctx, `INSERT INTO log_aside (id, checksum, batch) SELECT id, checksum, batch FROM log WHERE id = ?`, id)
		if err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `UPDATE log_sealed SET upto = ?1,
		samples = coalesce((SELECT first + samples FROM log WHERE id = ?1), samples)`, s.LogUpTo)
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
