package sqlite

import (
	"context"
	"time"
)

// The WAL is folded back into the database by the writer itself, between
// commits: nobody else does, so a checkpoint never races a write. It prefers
// quiet moments and insists when the WAL grows. Frames are 4 KiB pages.
const (
	idleAfter   = 250 * time.Millisecond
	quietFrames = 256       // 1 MiB: worth folding when nothing else is to do
	loudFrames  = 4096      // 16 MiB: fold even under load
	alarmFrames = 64 * 1024 // 256 MiB: a reader holds the WAL, tell somebody
	askEvery    = 32        // commits between two looks at the WAL's length
	askAtBytes  = 4 << 20   // of large values after which to look sooner
)

// walWatch is what the writer knows of the WAL without asking.
type walWatch struct {
	commits int  // since the last look
	bytes   int  // of large values written since the last look
	dirty   bool // committed since the last quiet moment
	alarmed bool
}

// afterCommit folds the WAL when it has grown large.
func (w *writer) afterCommit(ctx context.Context) {
	w.wal.dirty = true
	w.wal.commits++
	if w.wal.commits >= askEvery || w.wal.bytes >= askAtBytes {
		w.checkpointAbove(ctx, loudFrames)
	}
}

// whenIdle folds the WAL when that is worth a sync.
func (w *writer) whenIdle(ctx context.Context) {
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
	waiting, err := w.fold(ctx, "PRAGMA wal_checkpoint(NOOP)")
	if err == nil && waiting > limit {
		waiting, err = w.fold(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		w.alarm(waiting)
	}
	if err == nil {
		return
	}
	// A failed sync of the database file must never be tried again: the kernel
	// forgets what it could not write.
	if judge(err) == sticky {
		w.health.fail(err)
	}
	w.log.ErrorContext(ctx, "checkpoint failed", "err", err)
}

// fold runs a checkpoint pragma and returns how many frames still wait.
func (w *writer) fold(ctx context.Context, pragma string) (int, error) {
	var busy, frames, folded int
	_, err := (&tx{w: w}).first(ctx, []any{&busy, &frames, &folded}, pragma)
	return frames - folded, err
}

// foldAll leaves an empty WAL behind, unless another process reads it: what
// starts next has nothing to recover, and a copy of the file is whole.
func (w *writer) foldAll() error {
	_, err := w.fold(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
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
