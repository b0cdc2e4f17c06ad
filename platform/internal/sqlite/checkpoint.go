package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	lib "modernc.org/sqlite/lib"
)

// The WAL is folded back into the database by the writer itself, between
// commits: nobody else does, so a checkpoint never races a write. It prefers
// quiet moments and insists when the WAL grows.
const (
	frameBytes  = 4 << 10 // a page; what a frame has besides is little
	idleAfter   = 250 * time.Millisecond
	quietFrames = 256       // 1 MiB: worth folding when nothing else is to do
	loudFrames  = 4096      // 16 MiB: fold even under load
	alarmFrames = 64 * 1024 // 256 MiB: a reader holds the WAL, tell somebody
	capFrames   = 16 * 1024 // 64 MiB: wait for readers, so that the WAL begins anew
	capWait     = 2500      // milliseconds: as long as a read of ours may take, and a little
	askEvery    = 32        // commits between two looks at the WAL's length
	askAtBytes  = 4 << 20   // of large values after which to look sooner
)

// walWatch is what the writer knows of the WAL without asking.
type walWatch struct {
	commits int  // since the last look
	bytes   int  // of large values written since the last look
	dirty   bool // committed since the last quiet moment
	tried   int  // frames when readers were waited for last, 0 since it began anew
	alarmed bool
}

// afterCommit folds the WAL when it has grown large.
func (w *writer) afterCommit(ctx context.Context) {
	w.wal.dirty = true
	w.wal.commits++
	if w.foldAbove > 0 {
		w.checkpointAbove(ctx, w.foldAbove)
	} else if w.wal.commits >= askEvery || w.wal.bytes >= askAtBytes {
		w.checkpointAbove(ctx, loudFrames)
	}
}

// whenIdle folds the WAL when that is worth a sync, and looks whether a full disk
// has space again.
func (w *writer) whenIdle(ctx context.Context) {
	w.ballast.remake(ctx)
	if w.wal.dirty {
		w.wal.dirty = false
		w.checkpointAbove(ctx, quietFrames)
	}
}

// checkpointAbove folds the WAL if more frames than limit wait for it.
func (w *writer) checkpointAbove(ctx context.Context, limit int) {
	if w.health.refusal() != nil {
		return
	}
	w.wal.commits, w.wal.bytes = 0, 0
	frames, waiting, err := w.fold(ctx, "PRAGMA wal_checkpoint(NOOP)")
	if err == nil && waiting > limit {
		frames, waiting, err = w.fold(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		w.folds.Add(1)
		w.alarm(waiting)
	}
	if err == nil {
		err = w.beginAnew(ctx, frames)
	}
	if err == nil {
		return
	}
	if resultCode(err) == lib.SQLITE_FULL && w.ballast.free(ctx) {
		w.wal.dirty = true // again in a quiet moment
		return
	}
	// A failed sync of the database file must never be tried again: the kernel
	// forgets what it could not write.
	if judge(err) == sticky {
		w.health.fail(err)
	}
	w.log.ErrorContext(ctx, "checkpoint failed", "err", err)
}

// fold runs a checkpoint pragma and returns how many frames the WAL has and how
// many still wait.
func (w *writer) fold(ctx context.Context, pragma string) (frames, waiting int, err error) {
	var busy, folded int
	_, err = (&tx{w: w}).first(ctx, []any{&busy, &frames, &folded}, pragma)
	return frames, frames - folded, err
}

// beginAnew keeps the WAL short. It can begin anew only in a moment without a
// reader, and readers that follow close on each other leave none: so from a
// certain length on, and again after each as much, the writer waits for them.
func (w *writer) beginAnew(ctx context.Context, frames int) error {
	limit := capFrames
	if w.foldAbove > 0 {
		limit = 16 * w.foldAbove
	}
	if frames < w.wal.tried {
		w.wal.tried = 0
	}
	if frames < w.wal.tried+limit {
		return nil
	}
	if err := w.busyTimeout(ctx, capWait); err != nil {
		return err
	}
	w.wal.tried = frames
	_, _, err := w.fold(ctx, "PRAGMA wal_checkpoint(RESTART)")
	return errors.Join(err, w.busyTimeout(ctx, busyWait))
}

// busyTimeout says how long the writer waits for who holds what it needs.
func (w *writer) busyTimeout(ctx context.Context, milliseconds int) error {
	_, err := (&tx{w: w}).first(ctx, []any{new(int)}, fmt.Sprintf("PRAGMA busy_timeout(%d)", milliseconds))
	return err
}

// foldAll leaves an empty WAL behind, unless another process reads it: what
// starts next has nothing to recover, and a copy of the file is whole.
func (w *writer) foldAll() error {
	_, _, err := w.fold(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)") //nolint:forbidigo // it ends only with the work done, whoever waits
	if judge(err) == sticky {
		w.health.fail(err)
	}
	return err
}

// alarm says once that readers keep the WAL from being folded.
func (w *writer) alarm(waiting int) {
	over := waiting > alarmFrames
	if over && !w.wal.alarmed {
		w.log.Warn("write-ahead log grows, a reader holds it")
	}
	w.wal.alarmed = over
}

// Checkpoints returns how often the write-ahead log was folded since Open.
func (db *DB) Checkpoints() int64 {
	if db.w == nil {
		return 0
	}
	return db.w.folds.Load()
}
