package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	sqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// QueryOptions bound a query and teach it to read the metric log.
type QueryOptions struct {
	// DecodeLog reads a row of the log sample by sample until yield returns
	// false. Without it there is no table metrics.
	DecodeLog func(row flow.LogRow, yield func(series uint64, ts int64, v float64) bool) error
	// DecodePage reads a page of sealed history in the same way.
	DecodePage func(page flow.Page, yield func(series uint64, ts int64, v float64) bool) error
	Limit      int           // rows; 0 means 100,000, more is an error and never a silent cut
	Timeout    time.Duration // 0 means 10 s
}

// Query runs one SQL query on a database that another process may be serving.
// It can change nothing. Besides the tables and views of the file it sees
// metrics(id, name, value, ts, labels), the samples of the metric log.
func Query(ctx context.Context, path, query string, o QueryOptions) (columns []string, rows [][]any, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, missing(path)
	}
	if o.Limit <= 0 {
		o.Limit = 100_000
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	db, err := Open(ctx, path, Options{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()

	bounded, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	if err := db.freeze(bounded); err != nil {
		return nil, nil, coded(timedOut(ctx, err))
	}
	columns, rows, err = db.shell(bounded, query, o)
	return columns, rows, explain(coded(timedOut(ctx, err)))
}

// freeze makes every later read of db see the file as it is now: the one who
// serves it moves samples from the log into blocks, and a reader of both must
// neither miss nor see them twice.
func (db *DB) freeze(ctx context.Context) error {
	db.read.SetMaxOpenConns(1)
	if _, err := db.read.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	_, err := db.Sealed(ctx) // the snapshot is taken at the first read
	return err
}

// explain gives a person's mistake in SQL its own code.
func explain(err error) error {
	var known *vigil.Error
	if err == nil || errors.As(err, &known) && known.Code != "storage_failed" {
		return err
	}
	var e *vigil.Error
	switch resultCode(err) {
	case lib.SQLITE_READONLY:
		e = vigil.Errorf(vigil.Invalid, "sql_read_only", "a query may read only")
		if known != nil {
			err = known.Err // no disk failed: the connection takes no writes
		}
	case lib.SQLITE_ERROR, lib.SQLITE_RANGE, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_CONSTRAINT, lib.SQLITE_AUTH:
		e = vigil.Errorf(vigil.Invalid, "sql_invalid", "the query cannot be run").
			Hinted("the tables are listed by SELECT name, sql FROM sqlite_schema; strings take single quotes")
	default:
		return err
	}
	e.Err = err
	return e
}

// shell runs the query on a connection of its own, because the table metrics
// exists on the connections of one driver value only.
func (db *DB) shell(ctx context.Context, query string, o QueryOptions) (columns []string, rows [][]any, err error) {
	name, err := readerDSN(db.path, "ro", false, "")
	if err != nil {
		return nil, nil, err
	}
	drv, past := &sqlite.Driver{}, newHistory(ctx, db, o)
	if err := drv.RegisterModule("vigil_metrics", &metricsModule{read: past}); err != nil {
		return nil, nil, fmt.Errorf("register metrics table: %w", err)
	}
	pool := sql.OpenDB(shellConnector{drv: drv, dsn: name})
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := settleShell(ctx, conn, o.DecodeLog != nil); err != nil {
		return nil, nil, err
	}
	columns, rows, err = ask(ctx, conn, query, o.Limit)
	if err != nil && *past.noted != nil {
		err = *past.noted
	}
	return columns, rows, err
}

func ask(ctx context.Context, conn *sql.Conn, query string, limit int) (columns []string, rows [][]any, err error) {
	result, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	return collect(result, limit)
}

// settleShell makes the virtual table, which writes to the temporary schema,
// and only then forbids all writing.
func settleShell(ctx context.Context, conn *sql.Conn, metrics bool) error {
	if metrics {
		if _, err := conn.ExecContext(ctx, `CREATE VIRTUAL TABLE temp.metrics USING vigil_metrics`); err != nil {
			return fmt.Errorf("create metrics table: %w", err)
		}
	}
	if _, err := conn.ExecContext(ctx, `PRAGMA query_only = 1`); err != nil {
		return err
	}
	_, err := sqlite.Limit(conn, lib.SQLITE_LIMIT_ATTACHED, 0)
	return err
}

// collect reads at most limit rows.
func collect(result *sql.Rows, limit int) (columns []string, rows [][]any, err error) {
	columns, err = result.Columns()
	if err != nil {
		return nil, nil, errors.Join(err, result.Close())
	}
	rows = [][]any{}
	err = drain(result, nil, func(r *sql.Rows) error {
		if len(rows) == limit {
			return vigil.Errorf(vigil.TooLarge, "result_too_large", "the result has more than %d rows", limit).Hinted("add a LIMIT")
		}
		row := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		rows = append(rows, row)
		return r.Scan(dest...)
	})
	return columns, rows, err
}

// shellConnector opens connections of one driver value, so that nothing is
// registered for the rest of the process.
type shellConnector struct {
	drv *sqlite.Driver
	dsn string
}

// Connect opens a connection.
func (c shellConnector) Connect(context.Context) (driver.Conn, error) { return c.drv.Open(c.dsn) }

// Driver returns the driver.
func (c shellConnector) Driver() driver.Driver { return c.drv }
