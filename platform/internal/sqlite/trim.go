package sqlite

import (
	"context"
	"database/sql"
	"math"
)

const (
	trimRows  = 256     // rows of the log one transaction deletes at most,
	trimBytes = 4 << 20 // and bytes, so that an append waits a few milliseconds only
)

// TrimLog deletes rows of the log whose samples are all older than beforeTime,
// then the oldest ones until at most maxBytes of blobs remain (0: no limit).
// It works in small transactions, between which others write.
func (db *DB) TrimLog(ctx context.Context, beforeTime, maxBytes int64) (deleted int, err error) {
	if maxBytes <= 0 {
		maxBytes = math.MaxInt64
	}
	select {
	case db.trims <- struct{}{}:
		defer func() { <-db.trims }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	base, err := db.measureLog(ctx)
	if err != nil {
		return 0, wrap(err, "trim metric log")
	}
	for more := true; more; {
		var n int
		err = db.write(ctx, func(ctx context.Context, t *tx) error {
			n, more, err = t.trimSlice(ctx, base, beforeTime, maxBytes)
			return err
		})
		if err != nil {
			return deleted, wrap(err, "trim metric log")
		}
		deleted += n
	}
	return deleted, nil
}

// logMeasure is the size of the log up to one row.
type logMeasure struct{ upTo, bytes int64 }

// measureLog sums the log on a reader, which may take a while; the writer then
// adds only what came since. Only TrimLog deletes rows, and one TrimLog runs
// at a time, so the sum stays true.
func (db *DB) measureLog(ctx context.Context) (m logMeasure, err error) {
	_, err = db.one(ctx, []any{&m.upTo, &m.bytes},
		`SELECT coalesce(max(id), 0), coalesce(sum(size), 0) FROM log INDEXED BY log_time`)
	return m, err
}

// trimSlice deletes a few rows; more says that others must follow.
func (t *tx) trimSlice(ctx context.Context, base logMeasure, beforeTime, maxBytes int64) (n int, more bool, err error) {
	if err := t.knowLogBytes(ctx, base); err != nil {
		return 0, false, err
	}
	ids, bytes, more, err := t.oldest(ctx, beforeTime, maxBytes)
	if err != nil {
		return 0, false, err
	}
	for _, id := range ids {
		if _, err := t.exec(ctx, `DELETE FROM log WHERE id = ?`, id); err != nil {
			return 0, false, err
		}
	}
	t.w.tail.logBytes -= bytes
	t.w.wal.bytes += int(bytes)
	return len(ids), more, nil
}

func (t *tx) knowLogBytes(ctx context.Context, base logMeasure) error {
	if t.w.tail.logKnown {
		return nil
	}
	var since int64
	if _, err := t.first(ctx, []any{&since}, `SELECT coalesce(sum(size), 0) FROM log WHERE id > ?`, base.upTo); err != nil {
		return err
	}
	t.w.tail.logBytes, t.w.tail.logKnown = base.bytes+since, true
	return nil
}

// oldest picks the rows that must go, oldest samples first.
func (t *tx) oldest(ctx context.Context, beforeTime, maxBytes int64) (ids []int64, bytes int64, more bool, err error) {
	full := false
	err = t.each(ctx, func(rows *sql.Rows) error {
		var id, size, maxTime int64
		if err := rows.Scan(&id, &size, &maxTime); err != nil {
			return err
		}
		goes := maxTime < beforeTime || t.w.tail.logBytes-bytes > maxBytes
		if full || !goes {
			more = more || (full && goes)
			return nil
		}
		ids, bytes = append(ids, id), bytes+size
		full = len(ids) == trimRows || bytes >= trimBytes
		return nil
	}, `SELECT id, size, max_time FROM log ORDER BY max_time LIMIT ?`, trimRows+1)
	return ids, bytes, more, err
}
