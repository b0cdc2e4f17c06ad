package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite/faultdisk"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const testBallast = 1 << 20

// narrow is a disk that is full, while it says so, but for what the ballast of
// one directory takes.
type narrow struct {
	*faultdisk.Faults
	fs   *faultdisk.FS // kept: C memory points into it
	full atomic.Bool
	dir  atomic.Pointer[string]
}

func (n *narrow) Write(path string, data []byte, off int64) (keep int, rc int32) {
	if dir := n.dir.Load(); n.full.Load() && filepath.Dir(path) == *dir && ballastBytes(*dir) > 0 {
		return 0, lib.SQLITE_FULL
	}
	return n.Faults.Write(path, data, off)
}

// ballastBytes returns the size of the file, -1 for none.
func ballastBytes(dir string) int64 {
	fi, err := os.Stat(ballastPath(campaignPath(dir)))
	if err != nil {
		return -1
	}
	return fi.Size()
}

var theNarrow = sync.OnceValue(func() *narrow {
	n := &narrow{Faults: &faultdisk.Faults{}}
	var err error
	if n.fs, err = faultdisk.Register("narrow", n, false); err != nil {
		panic(err)
	}
	return n
})

// kept is a database with ballast on a narrow disk, and a clock that a test sets.
type kept struct {
	*narrow
	*DB
	dir   string
	hours atomic.Int64
}

func withBallast(t *testing.T, dir string) *kept {
	t.Helper()
	k := &kept{narrow: theNarrow(), dir: dir}
	k.narrow.dir.Store(&dir)
	t.Cleanup(func() { k.full.Store(false) })
	k.open(t)
	return k
}

func (k *kept) open(t *testing.T) {
	t.Helper()
	db, err := Open(t.Context(), campaignPath(k.dir), Options{vfs: "narrow", Ballast: testBallast, Now: func() time.Time {
		return time.Unix(1_700_000_000, 0).Add(time.Duration(k.hours.Load()) * time.Hour)
	}})
	if err != nil {
		t.Fatal(err)
	}
	k.DB = db
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
}

func (k *kept) people(t *testing.T) error {
	t.Helper()
	return k.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "pause"})
}

// On a full disk samples and new blocks are refused, what people do is stored,
// and so it stays for the next process, until there is space.
func TestBallast_IsForPeopleOnAFullDisk(t *testing.T) { //nolint:paralleltest // owns the narrow disk
	k := withBallast(t, t.TempDir())
	if err := append1(t, k.DB); err != nil {
		t.Fatal(err)
	}
	if n := ballastBytes(k.dir); n != testBallast {
		t.Fatalf("ballast = %d bytes", n)
	}
	k.full.Store(true)
	refused := func(when string) {
		t.Helper()
		if got := vigil.CodeOf(append1(t, k.DB)); got != "storage_full" {
			t.Errorf("%s: a sample = %q, want storage_full", when, got)
		}
		if got := vigil.CodeOf(k.AddPages(t.Context(), flow.EmptyBlock(1, 0, 0), nil)); got != "storage_full" {
			t.Errorf("%s: a block = %q, want storage_full", when, got)
		}
		if got := vigil.CodeOf(k.Ready(t.Context())); got != "storage_full" {
			t.Errorf("%s: ready = %q, want storage_full", when, got)
		}
		if err := k.people(t); err != nil {
			t.Errorf("%s: a pause = %v", when, err)
		}
		if _, err := k.TrimLog(t.Context(), 1); err != nil {
			t.Errorf("%s: retention = %v", when, err)
		}
		if n := ballastBytes(k.dir); n != 0 {
			t.Errorf("%s: ballast = %d bytes, want none", when, n)
		}
	}
	refused("at first")
	refused("again")
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.full.Store(false) // it would make the ballast anew, since the real disk has space
	k.open(t)
	k.tooSoon()
	k.full.Store(true)
	refused("after a restart")

	k.full.Store(false)
	k.hours.Add(1)
	if err := append1(t, k.DB); err != nil {
		t.Errorf("with space again: %v", err)
	}
	if n := ballastBytes(k.dir); n != testBallast || k.Ready(t.Context()) != nil {
		t.Errorf("with space again: ballast = %d bytes, ready = %v", n, k.Ready(t.Context()))
	}
}

// tooSoon puts a database that was just opened back to where it would be if there
// were no space for ballast.
func (k *kept) tooSoon() {
	_ = k.w.ballast.empty()
	k.w.ballast.freed.Store(true)
	k.w.ballast.tried = k.o.Now()
}

// What a person does is stored also when it is the first to find no space, alone
// or together with samples, which are refused.
func TestBallast_WhoFindsTheDiskFullIsServed(t *testing.T) { //nolint:paralleltest // owns the narrow disk
	k := withBallast(t, t.TempDir())
	k.full.Store(true)
	if err := k.people(t); err != nil {
		t.Errorf("a pause on a full disk = %v", err)
	}
	k.full.Store(false)
	k = withBallast(t, t.TempDir())
	k.full.Store(true)
	person := func(verb string) *op {
		do := func(ctx context.Context, t *tx) error { return k.record(ctx, t, vigil.AuditRecord{Verb: verb}) }
		return &op{do: do, done: make(chan error, 1)}
	}
	samples := &op{
		do: func(ctx context.Context, t *tx) error {
			return k.insertLog(ctx, t, flow.LogGroup{Blob: []byte("x"), Samples: 1})
		},
		bulk: true, done: make(chan error, 1),
	}
	errs := groupedOps(t, k.DB, person("one"), samples, person("two"))
	if errs[0] != nil || vigil.CodeOf(errs[1]) != "storage_full" || errs[2] != nil {
		t.Errorf("a pause, samples and a pause = %v", errs)
	}
	recs, err := k.Audit(t.Context(), 0, 9)
	if err != nil || len(recs) != 2 || recs[0].Seq != 1 || recs[1].Verb != "two" || rowsOfLog(t, k.DB) != 0 {
		t.Errorf("records = %+v, %v", recs, err)
	}
}

// The file holds nothing, so a process can be killed between any two steps of
// making or freeing it, or somebody delete or copy it: the next start makes it
// whole of whatever is there.
func TestBallast_IsMadeOfWhateverIsLeft(t *testing.T) {
	t.Parallel()
	for name, was := range map[string]int64{
		"nothing": -1, "freed": 0, "a-byte": 1, "half": testBallast / 2, "a-hole": testBallast, "not-cut-yet": testBallast * 5 / 4,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := campaignPath(t.TempDir())
			if was >= 0 {
				if err := os.WriteFile(ballastPath(path), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(ballastPath(path), was); err != nil {
					t.Fatal(err)
				}
			}
			db, err := Open(t.Context(), path, Options{Ballast: testBallast})
			if err != nil {
				t.Fatal(err)
			}
			var s syscall.Stat_t
			if err := syscall.Stat(ballastPath(path), &s); err != nil || s.Size != testBallast || s.Blocks*512 < testBallast {
				t.Errorf("ballast has %d bytes and %d blocks, %v", s.Size, s.Blocks, err)
			}
			if err := append1(t, db); err != nil {
				t.Error(err)
			}
			if err := db.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A disk too small for ballast does without; a disk where it was freed takes no
// samples until it fits again.
func TestBallast_ThatDoesNotFitIsNoFault(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"never-made": "", "freed-before": "storage_full"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := campaignPath(t.TempDir())
			if want != "" {
				if err := os.WriteFile(ballastPath(path), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			db, err := Open(t.Context(), path, Options{Ballast: 1 << 59}) // no disk has that
			if err != nil {
				t.Fatal(err)
			}
			if err := append1(t, db); vigil.CodeOf(err) != want {
				t.Errorf("a sample = %v, want code %q", err, want)
			}
			if err := db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "pause"}); err != nil {
				t.Error(err)
			}
			if n := ballastBytes(filepath.Dir(path)); n > 0 {
				t.Errorf("ballast = %d bytes", n)
			}
			if err := db.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
