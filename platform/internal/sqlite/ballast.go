package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ballast is a file of nothing beside the database. A full disk would stop the
// very writes that help: the audit log, a pause, a delete, retention. So when a
// write finds no space the file is emptied, and what is then free is for all but
// what grows without end: samples and new blocks, which are refused until the
// file has its size again.
//
// A file without a byte says so to the next process, too. Whatever its size at a
// start, the file can be lost or cut at any moment: nothing is ever in it.
//
// Only the writer's goroutine changes it.
type ballast struct {
	path  string
	size  int64 // 0: there is none
	log   *slog.Logger
	now   func() time.Time
	freed atomic.Bool
	tried time.Time // when it was last to be made again
}

const (
	ballastEvery = 2 * time.Second // between two attempts to make it again
	ballastSlack = 4               // a quarter more must be free for that, or the disk is full again at once
)

func ballastPath(database string) string {
	return filepath.Join(filepath.Dir(database), "vigil.ballast")
}

// openBallast makes the file, or finds it. That there is no space for it is told
// and no fault.
func openBallast(ctx context.Context, database string, o Options) *ballast {
	b := &ballast{path: ballastPath(database), size: o.Ballast, log: o.Log, now: o.Now}
	if b.size == 0 {
		return b
	}
	was, err := os.Stat(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err = b.fill(b.size); err != nil {
			b.size = 0 // nothing was set free, so nothing is held back either
			err = errors.Join(err, os.Remove(b.path))
		}
	case err == nil && was.Size() == 0:
		b.freed.Store(true)
		b.tried = b.now().Add(-ballastEvery)
		b.remake(ctx)
	case err == nil && scarce(filepath.Dir(database)):
		b.free(ctx) // to open a database takes some, too
	case err == nil:
		err = b.fill(b.size) // a copy of the directory may have made a hole of it
	}
	if err != nil {
		b.log.WarnContext(ctx, "no space is kept for a full disk", "err", err, "bytes", o.Ballast)
	}
	return b
}

// fill gives the file real blocks, so many bytes of them at first, and then its
// size.
func (b *ballast) fill(first int64) error {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = reserve(f, first)
	if err == nil {
		err = f.Truncate(b.size)
	}
	return errors.Join(err, f.Close())
}

// empty gives the space back to who writes now. The sync makes file systems hand
// on what was freed, and the next process know.
func (b *ballast) empty() error {
	f, err := os.OpenFile(b.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(0), f.Sync(), f.Close())
}

// free sets the space free; false if there is none left to free.
func (b *ballast) free(ctx context.Context) bool {
	if b.size == 0 || b.freed.Load() {
		return false
	}
	err := b.empty()
	b.freed.Store(true)
	b.tried = b.now()
	if err != nil {
		b.log.ErrorContext(ctx, "space that was kept for a full disk cannot be freed", "err", err)
		return false
	}
	b.log.WarnContext(ctx, "disk is full, samples are refused until there is space", "bytes", b.size)
	return true
}

// remake takes the space again, if there is enough.
func (b *ballast) remake(ctx context.Context) {
	if !b.freed.Load() || b.now().Sub(b.tried) < ballastEvery {
		return
	}
	b.tried = b.now()
	if err := b.fill(b.size + b.size/ballastSlack); err != nil {
		if err := b.empty(); err != nil { // a part of it may have been taken
			b.log.ErrorContext(ctx, "space that was kept for a full disk cannot be freed", "err", err)
		}
		return
	}
	b.freed.Store(false)
	b.log.InfoContext(ctx, "disk has space again, samples are taken", "bytes", b.size)
}

// refusal is the answer to what grows without end while the disk is full.
func (b *ballast) refusal() error {
	if !b.freed.Load() {
		return nil
	}
	return full()
}

func full() *vigil.Error {
	return vigil.Errorf(vigil.Unavailable, "storage_full", "the disk is full, nothing was stored").
		Hinted("free space on the volume of the data directory; Vigil goes on by itself")
}
