package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	readFor   = 2 * time.Second // a reader that stays longer would hold the write-ahead log
	readPage  = 256             // rows of the metric log under one read transaction
	listMax   = 10_000          // rows any list may have
	listUsual = 50              // rows of a list when nobody says
)

// limited keeps a caller's limit within what one answer may hold.
func limited(n int) int {
	if n <= 0 {
		return listUsual
	}
	return min(n, listMax)
}

// list reads all rows of a query, each through scan.
func list[T any](ctx context.Context, db *DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	out := []T{}
	err := db.each(ctx, func(rows *sql.Rows) error {
		v, err := scan(rows)
		out = append(out, v)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// bodies reads all rows of a query with one column, a JSON body.
func bodies[T any](ctx context.Context, db *DB, decode func(string) (T, error), query string, args ...any) ([]T, error) {
	return list(ctx, db, func(rows *sql.Rows) (T, error) {
		var zero T
		var body string
		if err := rows.Scan(&body); err != nil {
			return zero, err
		}
		return decode(body)
	}, query, args...)
}

// body reads the one row of a query with one column, a JSON body.
func body[T any](ctx context.Context, db *DB, decode func(string) (T, error), absent *vigil.Error, query string, args ...any) (T, error) {
	found, err := bodies(ctx, db, decode, query, args...)
	if err == nil && len(found) == 0 {
		err = absent
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return found[0], nil
}

// each runs a query on the readers' pool within the time a read may take.
func (db *DB) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	bounded, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	rows, err := db.read.QueryContext(bounded, query, args...)
	return coded(timedOut(ctx, drain(rows, err, fn)))
}

// one scans the single row of a query; false means there is none.
func (db *DB) one(ctx context.Context, dest []any, query string, args ...any) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	err := db.read.QueryRowContext(bounded, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, coded(timedOut(ctx, err))
}
