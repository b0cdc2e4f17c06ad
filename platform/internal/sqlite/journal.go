package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// AppendLog makes a group of batches durable, with the series it is the first
// to mention. Naming a known series again is harmless, naming another one by
// its id is refused.
func (db *DB) AppendLog(ctx context.Context, g flow.LogGroup) error {
	labels := make([]string, len(g.NewSeries))
	for i, s := range g.NewSeries {
		var err error
		if labels[i], err = encodeLabels(s.Meta.Labels); err != nil {
			return err
		}
	}
	err := db.writeBulk(ctx, func(ctx context.Context, t *tx) error {
		for i, s := range g.NewSeries {
			if err := db.insertSeries(ctx, t, s, labels[i]); err != nil {
				return err
			}
		}
		for _, id := range g.Seen {
			_, err := t.exec(ctx, `UPDATE series SET seen = ?1, sum = ((sum >> 32) << 32) | ?2 WHERE id = ?3`, g.MaxTime, seenSum(int64(id), g.MaxTime), int64(id))
			if err != nil {
				return err
			}
		}
		return db.insertLog(ctx, t, g)
	})
	return wrap(err, "append %d samples", g.Samples)
}

func (db *DB) insertSeries(ctx context.Context, t *tx, s flow.SeriesRow, labels string) error {
	changed, err := t.exec(ctx, `INSERT INTO series (id, tenant, name, labels, seen, sum) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET seen = max(seen, excluded.seen), sum = CASE WHEN seen > excluded.seen THEN sum ELSE excluded.sum END
		WHERE tenant = excluded.tenant AND name = excluded.name AND labels = excluded.labels`,
		int64(s.ID), db.o.Tenant, s.Meta.Name, labels, s.Seen, seriesSum(int64(s.ID), db.o.Tenant, s.Meta.Name, labels, s.Seen))
	if err == nil && changed == 0 {
		return vigil.Errorf(vigil.Internal, "series_id_reused", "series %d has another name on disk than %s", s.ID, s.Meta)
	}
	return err
}

// ForgetSeries deletes series. Blocks may still hold samples of them, which are
// past retention and nobody's.
func (db *DB) ForgetSeries(ctx context.Context, ids []uint64) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			if _, err := t.exec(ctx, `DELETE FROM series WHERE id = ?`, int64(id)); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "forget %d series", len(ids))
}

func (db *DB) insertLog(ctx context.Context, t *tx, g flow.LogGroup) error {
	if len(g.Blob) == 0 {
		return nil
	}
	row := logColumns{
		id: t.w.tail.logID + 1, tenant: db.o.Tenant, first: t.w.tail.samples, samples: int64(g.Samples),
		minTime: g.MinTime, maxTime: g.MaxTime, size: int64(len(g.Blob)),
	}
	_, err := t.exec(ctx, `INSERT INTO log (id, tenant, first, samples, min_time, max_time, size, checksum, batch)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		row.id, row.tenant, row.first, row.samples, row.minTime, row.maxTime, row.size, row.cover(g.Checksum), g.Blob)
	if err != nil {
		return err
	}
	t.w.tail.logID++
	t.w.tail.samples += int64(g.Samples)
	t.w.wal.bytes += len(g.Blob)
	return nil
}

// encodeLabels renders labels as JSON with the keys in order, so that equal
// labels are equal text.
func encodeLabels(l vigil.Labels) (string, error) {
	if len(l) == 0 {
		return "{}", nil
	}
	return encode(l)
}

// seriesPage is how many series are read under one read transaction: a start on
// a slow machine must not run out of the time that a read has.
const seriesPage = 2000

// EachSeries calls fn for every series, by ascending id. An error of fn ends
// the walk.
func (db *DB) EachSeries(ctx context.Context, fn func(flow.SeriesRow) error) error {
	for after, more := int64(math.MinInt64), true; more; {
		n := 0
		err := db.each(ctx, func(rows *sql.Rows) error {
			s, err := db.scanSeries(rows)
			if err != nil {
				return err
			}
			n++
			after = int64(s.ID)
			return fn(s)
		}, `SELECT id, tenant, name, labels, seen, sum FROM series WHERE id > ? ORDER BY id LIMIT ?`, after, seriesPage)
		if err != nil {
			return wrap(err, "read series")
		}
		more = n == seriesPage
	}
	return nil
}

// scanSeries reads a series. Of one that is not what was written it gives the
// id only; one whose time alone is damaged counts as seen now, so that nothing
// is forgotten by it.
func (db *DB) scanSeries(rows *sql.Rows) (s flow.SeriesRow, err error) {
	var id, sum int64
	var tenant, name, labels string
	if err := rows.Scan(&id, &tenant, &name, &labels, &s.Seen, &sum); err != nil {
		return s, err
	}
	s.ID = uint64(id)
	want := seriesSum(id, tenant, name, labels, s.Seen)
	if want>>seriesHalf != sum>>seriesHalf {
		s.Damaged = vigil.Errorf(vigil.Internal, "series_corrupt", "the row of series %d does not match its checksum", id)
		return s, nil
	}
	if want != sum {
		s.Seen = db.o.Now().UnixNano()
		s.Damaged = vigil.Errorf(vigil.Internal, "series_corrupt", "when series %d was seen does not match its checksum, and is now", id)
	}
	var room [512]byte
	key, plain := flow.AppendKeyJSON(room[:0], name, labels)
	if !plain {
		s.Meta.Name = name
		if err := json.Unmarshal([]byte(labels), &s.Meta.Labels); err != nil {
			return s, fmt.Errorf("decode labels of series %d: %w", id, err)
		}
		key = flow.AppendKey(key[:0], s.Meta)
	}
	s.Key = string(key)
	s.Meta, _ = flow.SeriesOf(s.Key) // shares the key's bytes
	return s, nil
}

// EachLog calls fn for every row of the log after one of them that overlaps
// the range, oldest commit first. fn owns the blob and checks it: bytes are returned as the disk
// gave them. No read transaction outlives one page of rows.
func (db *DB) EachLog(ctx context.Context, after, minTime, maxTime int64, fn func(flow.LogRow) error) error {
	walk, err := db.logBetween(ctx, after, minTime, maxTime)
	for err == nil && walk.more {
		err = walk.page(ctx, db, func(r numberedRow) error { return fn(r.LogRow) })
	}
	return wrap(err, "read metric log")
}

// numberedRow is a row of the log with the number of samples before it.
type numberedRow struct {
	flow.LogRow
	first int64
}

// logWalk is a position in a range of the log, between two pages.
type logWalk struct {
	minTime, maxTime int64
	after, last      int64 // ids
	more             bool
}

// logBetween finds the rows that overlap a time range by the time index alone.
// Rows come in order of commit, and samples may be late, so the ids of a range
// are not contiguous.
func (db *DB) logBetween(ctx context.Context, after, minTime, maxTime int64) (*logWalk, error) {
	var from, to sql.NullInt64
	_, err := db.one(ctx, []any{&from, &to},
		`SELECT min(id), max(id) FROM log WHERE id > ? AND max_time >= ? AND min_time <= ?`, after, minTime, maxTime)
	return &logWalk{minTime: minTime, maxTime: maxTime, after: from.Int64 - 1, last: to.Int64, more: from.Valid}, err
}

// page reads the next rows under one read transaction.
func (l *logWalk) page(ctx context.Context, db *DB, fn func(numberedRow) error) error {
	n := 0
	err := db.each(ctx, func(rows *sql.Rows) error {
		var c logColumns
		var r numberedRow
		if err := rows.Scan(append(c.dest(), &r.Blob)...); err != nil {
			return err
		}
		r.ID, r.first, r.Checksum = c.id, c.first, c.batchSum(r.Blob)
		n++
		l.after = r.ID
		return fn(r)
	}, `SELECT `+logScanned+`, batch FROM log
		WHERE id > ? AND id <= ? AND max_time >= ? AND min_time <= ? ORDER BY id LIMIT ?`,
		l.after, l.last, l.minTime, l.maxTime, readPage)
	l.more = n == readPage
	return err
}
