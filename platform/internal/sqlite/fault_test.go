package sqlite

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite/faultdisk"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// theFaults is registered once per test process; one test at a time uses it.
var theFaults = sync.OnceValue(func() *faultdisk.Faults {
	f, err := faultdisk.NewFaults("faults", false)
	if err != nil {
		panic(err)
	}
	return f
})

// injected opens a database above the faults, which are off before and after.
func injected(t *testing.T) (*faultdisk.Faults, *DB) {
	t.Helper()
	f := theFaults()
	t.Cleanup(f.Heal)
	return f, openHere(t, Options{vfs: "faults"})
}

func append1(t *testing.T, db *DB) error {
	t.Helper()
	return db.AppendLog(t.Context(), flow.LogGroup{Blob: []byte("sample"), Samples: 1})
}

func rowsOfLog(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.EachLog(t.Context(), 0, 0, 1, func(flow.LogRow) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFault_OneSyncPerCommit(t *testing.T) { //nolint:paralleltest // owns the faults
	f, db := injected(t)
	if err := append1(t, db); err != nil { // the first commit also syncs the log's header
		t.Fatal(err)
	}
	before := f.Syncs.Load()
	for range 10 {
		if err := append1(t, db); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Syncs.Load() - before; got != 10 {
		t.Errorf("%d syncs for 10 commits", got)
	}
}

func TestFault_AFailedSyncIsNeverTriedAgain(t *testing.T) { //nolint:paralleltest // owns the faults
	f, db := injected(t)
	if err := append1(t, db); err != nil {
		t.Fatal(err)
	}
	f.SyncRC.Store(lib.SQLITE_IOERR_FSYNC)
	if got := vigil.CodeOf(append1(t, db)); got != "storage_failed" {
		t.Fatalf("failed sync = %q, want storage_failed", got)
	}
	f.SyncRC.Store(0) // the kernel forgets; we do not
	after := f.Syncs.Load()
	if got := vigil.CodeOf(append1(t, db)); got != "storage_failed" {
		t.Errorf("write after a failed sync = %q, want storage_failed", got)
	}
	if got := vigil.CodeOf(db.Run(t.Context())); got != "storage_failed" {
		t.Errorf("Run = %q, want storage_failed", got)
	}
	if n := rowsOfLog(t, db); n != 1 {
		t.Errorf("rows = %d, want the one acknowledged", n)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := f.Syncs.Load(); got != after {
		t.Errorf("%d syncs after the failed one", got-after)
	}
}

func TestFault_AFailedWriteFailsItsWholeGroup(t *testing.T) { //nolint:paralleltest // owns the faults
	f, db := injected(t)
	put := func(ctx context.Context, t *tx) error { return db.record(ctx, t, vigil.AuditRecord{Verb: "v"}) }
	f.WriteRC.Store(lib.SQLITE_IOERR_WRITE)
	errs := grouped(t, db, put, put)
	for _, err := range errs {
		if got := vigil.CodeOf(err); got != "storage_failed" {
			t.Errorf("failed write = %q, want storage_failed", got)
		}
	}
}

func TestFault_AFullDiskIsNotTheEnd(t *testing.T) { //nolint:paralleltest // owns the faults
	f, db := injected(t)
	if err := db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "one"}); err != nil {
		t.Fatal(err)
	}
	f.WriteRC.Store(lib.SQLITE_FULL)
	if got := vigil.CodeOf(db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "two"})); got != "storage_full" {
		t.Fatalf("full disk = %q, want storage_full", got)
	}
	if got := vigil.CodeOf(db.Ready(t.Context())); got != "storage_full" {
		t.Errorf("ready with a full disk = %q, want storage_full", got)
	}
	f.WriteRC.Store(0)
	if err := db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "three"}); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	recs, err := db.Audit(t.Context(), 0, 9)
	if err != nil || len(recs) != 2 || recs[1].Seq != 2 || recs[1].Verb != "three" {
		t.Errorf("records = %+v, %v", recs, err)
	}
}

func TestFault_AFailedCheckpointStopsEverything(t *testing.T) { //nolint:paralleltest // owns the faults
	f, db := injected(t)
	blob := make([]byte, 2<<20)
	if err := db.AppendLog(t.Context(), flow.LogGroup{Blob: blob, Samples: 1}); err != nil {
		t.Fatal(err)
	}
	f.SyncRC.Store(lib.SQLITE_IOERR_FSYNC)
	select { // the writer folds the log in a quiet moment
	case <-db.w.health.broke:
	case <-t.Context().Done():
		t.Fatal("the checkpoint did not fail")
	}
	f.SyncRC.Store(0)
	if got := vigil.CodeOf(append1(t, db)); got != "storage_failed" {
		t.Errorf("write after a failed checkpoint = %q, want storage_failed", got)
	}
}

// Half of a write is lost and the disk says nothing: F5. What SQLite cannot see
// the checksums of rows, pages and the write-ahead log do.
func TestFault_ATornWriteIsNeverReadAsData(t *testing.T) { //nolint:paralleltest // owns the faults
	f := theFaults()
	defer f.Heal()
	hurt := 0
	const points = 60
	for n := int64(1); n <= points; n++ {
		c, path := &campaign{}, campaignPath(t.TempDir())
		db, err := Open(t.Context(), path, Options{vfs: "faults", WALBytes: 8 * frameBytes})
		if err != nil {
			t.Fatal(err)
		}
		f.Torn.Store(true)
		f.WriteIn.Store(n)
		c.fill(t, db, 40)
		f.Heal()
		_ = db.Close(t.Context()) // the fold may find the damage
		v, err := c.judge(t.Context(), path)
		if err != nil && vigil.CodeOf(err) == "" && !strings.Contains(err.Error(), "integrity check") {
			t.Errorf("torn at %d: refused without a code: %v", n, err)
		}
		for _, w := range v.wrong {
			if !strings.Contains(w, "damaged") {
				t.Errorf("torn at %d: wrong data was read: %s", n, w)
			}
		}
		if err != nil || v.lost > 0 || len(v.wrong) > 0 {
			hurt++
		}
	}
	t.Logf("%d of %d torn writes cost something", hurt, points)
	if hurt == 0 {
		t.Error("no torn write was noticed, so nothing was torn")
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	if got := judge(errors.New("an operation's own")); got != local {
		t.Errorf("judge = %v, want local", got)
	}
	if got := judge(nil); got != local {
		t.Errorf("judge(nil) = %v, want local", got)
	}
}
