package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// Readers that follow close on each other never leave a moment in which the
// write-ahead log could begin anew by itself. Each is as short as a read may
// be, and the log stays bounded all the same.
func TestWAL_StaysBoundedUnderOverlappingReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db, err := Open(t.Context(), path, Options{WALBytes: 32 * frameBytes}) // readers are waited for from 512 frames, 2 MiB
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	for i := range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				hold(ctx, db, time.Duration(30+10*i)*time.Millisecond)
			}
		})
	}
	most := int64(0)
	for range 600 { // 600 × 32 KiB: nine times what the log may have
		if err := db.AppendLog(t.Context(), flow.LogGroup{Blob: make([]byte, 32<<10), Samples: 1}); err != nil {
			t.Fatal(err)
		}
		most = max(most, walSize(path))
	}
	t.Logf("the write-ahead log had at most %d KiB of 19200 written", most>>10)
	if most > 12<<20 { // a slow machine may wait in vain once or twice
		t.Errorf("the write-ahead log grew to %d bytes", most)
	}
}

// hold keeps a read transaction for a while.
func hold(ctx context.Context, db *DB, d time.Duration) {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return
	}
	var n int
	_ = conn.QueryRowContext(ctx, "SELECT count(*) FROM log").Scan(&n)
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
}
