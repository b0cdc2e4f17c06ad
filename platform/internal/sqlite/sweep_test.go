package sqlite

import (
	"context"
	"sync"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// script appends, seals, merges, sweeps and trims, whatever the disk says.
func (c *campaign) script(t *testing.T, db *DB) {
	t.Helper()
	s, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, c.small())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	for i := range 40 {
		n := 120
		if i == 20 {
			c.take(campaignKept) // what came before is old now
		}
		first := c.take(n)
		b, err := campaignBatch(s, first, n, c.now())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), b); err == nil {
			c.ack(first, n)
		}
		_ = s.Tidy(t.Context(), c.now()) // its errors are the disk's, and told by the next append
	}
	stop()
	<-done
	c.note(s.Stats(), db.Checkpoints())
}

// fill appends n batches that stay in the log.
func (c *campaign) fill(t *testing.T, db *DB, n int) {
	t.Helper()
	s, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, metrics.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer running.Wait()
	defer stop()
	for range n {
		first := c.take(120)
		b, err := campaignBatch(s, first, 120, c.now())
		if err != nil {
			t.Fatal(err)
		}
		if s.Append(t.Context(), b) == nil {
			c.ack(first, 120)
		}
	}
}

// Whichever sync or write the disk refuses, once or for good, while samples are
// appended, sealed, merged, swept and trimmed: what was acknowledged is there
// afterwards, and after the first refusal but a full disk nothing is.
// VIGIL_SWEEP=1 takes every point, otherwise every 23rd.
func TestFault_AnyRefusedWriteOfHistoryLosesNothing(t *testing.T) { //nolint:paralleltest // owns the faults
	f := theFaults()
	defer f.Heal()
	stride := int64(envNumber(t, "VIGIL_SWEEP", 23))
	all := &campaign{}
	for name, fault := range map[string]struct {
		sync   bool
		rc     int32
		sticky bool
	}{
		"sync-once":   {true, 0, false},
		"sync-sticky": {true, 0, true},
		"write-once":  {false, lib.SQLITE_IOERR_WRITE, false},
		"full-once":   {false, lib.SQLITE_FULL, false},
		"full-sticky": {false, lib.SQLITE_FULL, true},
	} {
		points := 0
		for n := int64(1); ; n += stride {
			c, path := &campaign{}, campaignPath(t.TempDir())
			db, err := Open(t.Context(), path, Options{vfs: "faults", WALBytes: 64 * frameBytes})
			if err != nil {
				t.Fatal(err)
			}
			f.RC.Store(fault.rc)
			f.Sticky.Store(fault.sticky)
			if fault.sync {
				f.SyncIn.Store(n)
			} else {
				f.WriteIn.Store(n)
			}
			c.script(t, db)
			met := f.Met.Load()
			f.Heal()
			if met && fault.rc == lib.SQLITE_FULL && db.w.health.refusal() != nil {
				t.Errorf("%s at %d: a full disk is the end: %v", name, n, db.w.health.refusal())
			}
			if met && db.w.health.refusal() != nil {
				if last := append1(t, db); vigil.CodeOf(last) != "storage_failed" || vigil.CodeOf(db.Run(t.Context())) != "storage_failed" {
					t.Errorf("%s at %d: the disk failed, and an append afterwards = %v", name, n, last)
				}
			} else if met && fault.rc != lib.SQLITE_FULL {
				t.Errorf("%s at %d: nobody noticed", name, n)
			}
			if err := db.Close(t.Context()); err != nil {
				t.Errorf("%s at %d: close: %v", name, n, err)
			}
			v, err := c.judge(t.Context(), path)
			if err != nil || v.lost > 0 || len(v.wrong) > 0 {
				t.Errorf("%s at %d: %+v, %v", name, n, v, err)
			}
			all.note(c.crossed, c.folded)
			if points++; !met {
				break
			}
		}
		t.Logf("%s: %d points", name, points-1)
	}
	all.wantCrossed(t)
}
