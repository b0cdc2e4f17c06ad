package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// second opens a connection of its own to a database, and begins to read on it.
func second(t *testing.T, path string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(conn.Close(), pool.Close()) })
	var n int
	if _, err := conn.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM log").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Who read before another's commit cannot write after it: SQLite says so at
// once, and no busy timeout waits for it. That is why one connection writes.
func TestSnapshot_ASecondWriterMeetsItsOldSnapshot(t *testing.T) {
	t.Parallel()
	path := campaignPath(t.TempDir())
	db, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := second(t, path)
	if err := append1(t, db); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err = other.ExecContext(t.Context(), "DELETE FROM log")
	var e *driver.Error
	if !errors.As(err, &e) || e.Code() != lib.SQLITE_BUSY_SNAPSHOT {
		t.Errorf("a write on an old snapshot = %v, want SQLITE_BUSY_SNAPSHOT", err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %s: the busy timeout waited", took)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Our writer begins each transaction as a writer, so that it never has an old
// snapshot, whatever is read before and beside it: by our readers, by strangers
// with a snapshot of their own, and by its own statements.
func TestSnapshot_OurWriterNeverMeetsOne(t *testing.T) {
	t.Parallel()
	path := campaignPath(t.TempDir())
	db, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := second(t, path) // holds its snapshot all the time
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := db.EachLog(context.WithoutCancel(t.Context()), 0, 0, 1, func(flow.LogRow) error { return nil }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for range 50 {
				if err := db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "v"}); err != nil {
					t.Errorf("a write = %v", err)
				}
				err := db.write(t.Context(), func(ctx context.Context, t *tx) error { // reads, and then writes what it read
					var n int
					if _, err := t.first(ctx, []any{&n}, "SELECT count(*) FROM log"); err != nil {
						return err
					}
					return db.insertLog(ctx, t, flow.LogGroup{Blob: []byte("x"), Samples: 1, MaxTime: int64(n)})
				})
				if err != nil {
					t.Errorf("a write of what was read = %v", err)
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	busy.Wait()
	if n := rowsOfLog(t, db); n != 200 {
		t.Errorf("%d rows, want 200", n)
	}
	if _, err := other.ExecContext(t.Context(), "DELETE FROM log"); err == nil || !strings.Contains(err.Error(), "517") {
		t.Errorf("the stranger's write = %v, want SQLITE_BUSY_SNAPSHOT (517)", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
