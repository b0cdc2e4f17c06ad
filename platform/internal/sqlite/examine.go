package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Decoders read what rows hold; they find damage by its checksum.
type Decoders struct {
	Log  func(row flow.LogRow, yield func(series uint64, ts int64, v float64) bool) error
	Page func(page flow.Page, yield func(series uint64, ts int64, v float64) bool) error
}

// Health is what was found when all of a database was looked at.
type Health struct {
	Schema  int64    `json:"schema"`
	Blocks  int64    `json:"blocks"`
	Pages   int64    `json:"pages"`
	Rows    int64    `json:"log_rows"` // of the log, which are in no block yet
	Samples int64    `json:"samples"`
	Aside   int64    `json:"aside"`   // damaged rows of the log that were set aside when they were found
	Damaged int64    `json:"damaged"` // places
	Damage  []string `json:"damage,omitempty"`
}

const damageShown = 20

func (h *Health) hurt(format string, args ...any) {
	if h.Damaged++; h.Damaged <= damageShown {
		h.Damage = append(h.Damage, fmt.Sprintf(format, args...))
	}
}

// Err is nil for a sound database, else storage_corrupt and the first damage.
func (h Health) Err() error {
	if h.Damaged == 0 {
		return nil
	}
	return vigil.Errorf(vigil.Unavailable, "storage_corrupt", "%d places are damaged, the first: %s", h.Damaged, h.Damage[0]).
		Hinted("what is sound is still read; restore a copy with vigil restore FILE --force, which moves the damaged one aside")
}

// Examine looks at all of the database at path, which another process may be
// serving: the structure of the file, and every row of the log and every page
// of history against its checksum. It changes nothing.
func Examine(ctx context.Context, path string, d Decoders, progress Progress) (h Health, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return h, missing(path)
	}
	db, err := Open(ctx, path, Options{ReadOnly: true})
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	return db.examine(ctx, d, progress)
}

func (db *DB) examine(ctx context.Context, d Decoders, progress Progress) (h Health, err error) {
	if err := quickCheck(ctx, db.read); err != nil {
		if err = coded(err); vigil.CodeOf(err) != "storage_corrupt" {
			return h, err
		}
		h.hurt("%v", err)
		return h, nil // what such a file answers means nothing
	}
	if _, err := db.one(ctx, []any{&h.Schema}, "SELECT max(version_id) FROM goose_db_version"); err != nil {
		return h, err
	}
	sealed, err := db.Sealed(ctx)
	if vigil.CodeOf(err) == "storage_corrupt" {
		h.hurt("%v", err)
		return h, nil
	}
	if err != nil {
		return h, err
	}
	for _, err := range sealed.Damaged {
		h.hurt("%v", err)
	}
	blocks := sealed.Blocks
	for i, b := range blocks {
		if err := db.examineBlock(ctx, b, d, &h); err != nil {
			return h, err
		}
		if progress != nil {
			progress(int64(i+1), int64(len(blocks)))
		}
	}
	if err := db.examineStrays(ctx, &h); err != nil {
		return h, err
	}
	if err := db.examineSeries(ctx, &h); err != nil {
		return h, err
	}
	if err := db.examineAside(ctx, &h); err != nil {
		return h, err
	}
	return h, db.examineLog(ctx, sealed.LogUpTo, d, &h)
}

// examineBlock looks at the pages of a block. One that is gone was merged or
// trimmed meanwhile.
func (db *DB) examineBlock(ctx context.Context, b flow.Block, d Decoders, h *Health) error {
	if !b.Live {
		return nil
	}
	refs, err := db.Pages(ctx, b.ID, flow.PageRef{MaxSeries: math.MaxUint64, MinTime: math.MinInt64, MaxTime: math.MaxInt64})
	if err != nil {
		return err
	}
	h.Blocks++
	hurt := h.Damaged
	found := flow.EmptyBlock(b.ID, b.Level, b.First)
	found.Live = true
	for _, ref := range refs {
		page, err := db.Page(ctx, ref)
		if vigil.CodeOf(err) == "page_missing" {
			continue
		}
		if err != nil {
			return err
		}
		n, outside := 0, false
		err = d.Page(page, func(series uint64, ts int64, _ float64) bool {
			n++
			outside = outside || series < ref.MinSeries || series > ref.MaxSeries || ts < ref.MinTime || ts > ref.MaxTime
			return true
		})
		switch {
		case err != nil:
			h.hurt("page %d of block %d: %v", ref.ID, b.ID, err)
		case n != ref.Samples || outside:
			h.hurt("page %d of block %d holds other samples than its index says", ref.ID, b.ID)
		}
		h.Pages++
		h.Samples += int64(n)
		found.Count(ref, len(page.Data))
	}
	if found == b || h.Damaged > hurt { // a damaged page is told once
		return ctx.Err()
	}
	var live bool // a block whose pages went because it was replaced meanwhile is sound
	if _, err := db.one(ctx, []any{&live}, `SELECT live FROM blocks WHERE id = ?`, b.ID); err != nil {
		return err
	}
	if live {
		h.hurt("block %d says that it holds %d samples in %d bytes; its pages hold %d in %d, or from another time", b.ID, b.Samples, b.Bytes, found.Samples, found.Bytes)
	}
	return ctx.Err()
}

// examineStrays looks for pages of no block, which no query would ever find.
func (db *DB) examineStrays(ctx context.Context, h *Health) error {
	var strays int64
	if _, err := db.one(ctx, []any{&strays}, `SELECT count(*) FROM pages WHERE block NOT IN (SELECT id FROM blocks)`); err != nil {
		return err
	}
	if strays > 0 {
		h.hurt("%d pages belong to no block", strays)
	}
	return nil
}

func (db *DB) examineSeries(ctx context.Context, h *Health) error {
	return db.EachSeries(ctx, func(s flow.SeriesRow) error {
		if s.Damaged != nil {
			h.hurt("%v", s.Damaged)
		}
		return ctx.Err()
	})
}

// examineAside counts what was set aside, and looks whether it still is as it was
// found.
func (db *DB) examineAside(ctx context.Context, h *Health) error {
	return db.each(ctx, func(rows *sql.Rows) error {
		var id, checksum, sum int64
		var batch sql.RawBytes
		if err := rows.Scan(&id, &checksum, &batch, &sum); err != nil {
			return err
		}
		if h.Aside++; sum != asideSum(id, checksum, batch) {
			h.hurt("row %d that was set aside has changed since", id)
		}
		return nil
	}, `SELECT id, checksum, batch, sum FROM log_aside`)
}

func (db *DB) examineLog(ctx context.Context, after int64, d Decoders, h *Health) error {
	ids, err := unsound(ctx, db.each)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id <= after { // the others are told below
			h.hurt("row %d of the metric log has other columns than it was written with", id)
		}
	}
	return db.EachLog(ctx, after, math.MinInt64, math.MaxInt64, func(row flow.LogRow) error {
		n := int64(0)
		if err := d.Log(row, func(uint64, int64, float64) bool { n++; return true }); err != nil {
			h.hurt("row %d of the metric log: %v", row.ID, err)
		}
		h.Rows++
		h.Samples += n
		return ctx.Err()
	})
}
