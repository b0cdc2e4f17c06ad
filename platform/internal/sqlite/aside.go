package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// provePage is how many rows' columns are looked at under one read transaction.
const provePage = 4096

// unsound returns the rows of the log whose columns are not what was written. Such
// a row may be found by no range of times, and would number the samples wrong.
func unsound(ctx context.Context, each func(context.Context, func(*sql.Rows) error, string, ...any) error) (ids []int64, err error) {
	for after, more := int64(math.MinInt64), true; more; {
		n := 0
		err := each(ctx, func(rows *sql.Rows) error {
			var c logColumns
			if err := rows.Scan(c.dest()...); err != nil {
				return err
			}
			n++
			if after = c.id; !c.sound() {
				ids = append(ids, c.id)
			}
			return nil
		}, `SELECT `+logScanned+` FROM log WHERE id > ? ORDER BY id LIMIT ?`, after, provePage)
		if err != nil {
			return nil, err
		}
		more = n == provePage
	}
	return ids, nil
}

// proveLog sets damaged rows of the log aside before anything reads them. It
// runs before the writer's goroutine.
func (w *writer) proveLog(ctx context.Context) (told []error, err error) {
	ids, err := unsound(ctx, (&tx{w: w}).each)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	o := &op{done: make(chan error, 1), do: func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			if err := t.keepAside(ctx, id); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `DELETE FROM log WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	}}
	w.commit(ctx, []*op{o})
	for _, id := range ids {
		told = append(told, vigil.Errorf(vigil.Internal, "log_corrupt", "the columns of row %d of the metric log do not match their checksum", id))
	}
	return told, wrap(<-o.done, "set %d rows of the metric log aside", len(ids))
}

// keepAside copies a row of the log for a person, under its id unless another
// has that.
func (t *tx) keepAside(ctx context.Context, id int64) error {
	var checksum, taken int64
	var batch []byte
	if _, err := t.first(ctx, []any{&checksum, &batch}, `SELECT checksum, batch FROM log WHERE id = ?`, id); err != nil {
		return err
	}
	if _, err := t.first(ctx, []any{&taken}, `SELECT count(*) FROM log_aside WHERE id = ?`, id); err != nil {
		return err
	}
	if taken > 0 {
		if _, err := t.first(ctx, []any{&id}, `SELECT max(id) + 1 FROM log_aside`); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, `INSERT INTO log_aside (id, checksum, batch, sum) VALUES (?, ?, ?, ?)`, id, checksum, batch, asideSum(id, checksum, batch))
	return err
}

// provedLog looks at all rows before a walk between two times, unless somebody
// else has: a server did when it opened the database, but may not be running.
func (db *DB) provedLog(ctx context.Context, l *logWalk) error {
	if l.minTime == math.MinInt64 && l.maxTime == math.MaxInt64 {
		return nil
	}
	ids, err := unsound(ctx, db.each)
	if err == nil && len(ids) > 0 {
		err = damaged(nil, "row %d of the metric log", ids[0])
	}
	return err
}
