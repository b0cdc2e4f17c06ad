package sqlite

import (
	"context"
	"database/sql"
)

const (
	trimRows  = 256     // rows of the log one transaction deletes at most,
	trimBytes = 4 << 20 // and bytes, so that an append waits a few milliseconds only
)

// TrimLog deletes rows of the log whose samples are all older than beforeTime.
// It works in small transactions, between which others write.
func (db *DB) TrimLog(ctx context.Context, beforeTime int64) (deleted int, err error) {
	for more := true; more; {
		var n int
		err = db.write(ctx, func(ctx context.Context, t *tx) error {
			n, more, err = t.trimSlice(ctx, beforeTime)
			return err
		})
		if err != nil {
			return deleted, wrap(err, "trim metric log")
		}
		deleted += n
	}
	return deleted, nil
}

// trimSlice deletes a few rows; more says that others must follow.
func (t *tx) trimSlice(ctx context.Context, beforeTime int64) (n int, more bool, err error) {
	ids, bytes, more, err := t.oldest(ctx, beforeTime)
	if err != nil {
		return 0, false, err
	}
	for _, id := range ids {
		if _, err := t.exec(ctx, `DELETE FROM log WHERE id = ?`, id); err != nil {
			return 0, false, err
		}
	}
	t.w.wal.bytes += int(bytes)
	return len(ids), more, nil
}

// oldest picks the rows that must go, oldest samples first.
func (t *tx) oldest(ctx context.Context, beforeTime int64) (ids []int64, bytes int64, more bool, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var id, size int64
		if err := rows.Scan(&id, &size); err != nil {
			return err
		}
		if more = len(ids) == trimRows || bytes >= trimBytes; !more {
			ids, bytes = append(ids, id), bytes+size
		}
		return nil
	}, `SELECT id, size FROM log WHERE max_time < ? ORDER BY max_time LIMIT ?`, beforeTime, trimRows+1)
	return ids, bytes, more, err
}
