package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// tx is the open transaction as an operation sees it. It must not be used
// after the operation returned, nor from another goroutine.
type tx struct{ w *writer }

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := t.w.prepared(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// first scans the first row of a query into dest; false means there is none.
func (t *tx) first(ctx context.Context, dest []any, query string, args ...any) (bool, error) {
	s, err := t.w.prepared(ctx, query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls fn for every row of a query; fn scans and must not use the
// transaction.
func (t *tx) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	s, err := t.w.prepared(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	return drain(rows, err, fn)
}

// drain reads a result to its end.
func drain(rows *sql.Rows, err error, fn func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := fn(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
