package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// prepareFile makes sure that path is a file we may write, on a disk that can
// be trusted with it, readable by nobody else.
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := prepareDir(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // SQLite will say when it cannot be written
	}
	if err != nil {
		return unwritable(dir, err)
	}
	if err := f.Close(); err != nil {
		return unwritable(dir, err)
	}
	if err := durable.SyncDir(dir); err != nil {
		return unwritable(dir, err)
	}
	return nil
}

func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unwritable(dir, err)
	}
	if kind, remote := networkDisk(dir); remote {
		return vigil.Errorf(vigil.Unavailable, "data_dir_remote", "%s is on a network file system (%s), where a sync promises nothing", dir, kind).
			Hinted("choose a local directory with --data")
	}
	return nil
}

func unwritable(dir string, cause error) error {
	e := vigil.Errorf(vigil.Unavailable, "data_dir_unwritable", "the data directory %s cannot be written", dir).
		Hinted("make %s writable, or choose another with --data", dir)
	e.Err = cause
	return e
}

// openFault says what keeps a database from being opened: most often it is
// the directory, not the disk.
func openFault(path string, err error) error {
	switch resultCode(err) {
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return unwritable(filepath.Dir(path), err)
	default:
		return coded(err)
	}
}

func missing(path string) error {
	return vigil.Errorf(vigil.NotFound, "database_not_found", "there is no database at %s", path).
		Hinted("start vigil up once, or name the data directory with --data")
}

// walSize returns how much write-ahead log a process left behind.
func walSize(path string) int64 {
	fi, err := os.Stat(path + "-wal")
	if err != nil {
		return 0
	}
	return fi.Size()
}

// checkFor bounds the check after an unclean stop, so that a large database
// still serves within a second.
const checkFor = 300 * time.Millisecond

// quickCheck looks for damage after an unclean stop, as far as the time goes.
func (db *DB) quickCheck(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, checkFor)
	defer cancel()
	err := quickCheck(bounded, db.read)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		db.o.Log.InfoContext(ctx, "check after unclean stop cut short", "dur", checkFor)
		return nil
	}
	if err != nil {
		return fmt.Errorf("check after unclean stop: %w", err)
	}
	return nil
}
