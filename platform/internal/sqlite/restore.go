package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Restored says what Restore did.
type Restored struct {
	Database string `json:"database"`
	Aside    string `json:"aside,omitempty"` // where the database is that was there before
	Health   Health `json:"health"`
}

// fenceGap is added to the fence of each target of a restored database: hosts
// remember the fences that they served since the copy was made, and refuse
// lower ones.
const fenceGap = 1 << 20

// RestoreOptions are what Restore needs besides the two paths.
type RestoreOptions struct {
	Force    bool // even if there is a database already, which is moved aside
	Now      time.Time
	Check    Decoders
	Record   Options // how the audit record of the restore is made
	Detail   json.RawMessage
	Admit    func(context.Context, *DB) error // is asked before that record is made; nil: go on
	Progress Progress
}

// Restore makes a copy of the backup file the database of a tenant in a data
// directory that no process uses. The copy is checked whole before anything is
// touched; nothing is ever deleted.
func Restore(ctx context.Context, file, dir, tenant string, o RestoreOptions) (r Restored, err error) {
	if err := restorable(file); err != nil {
		return r, err
	}
	unlock, err := LockDir(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	home := filepath.Join(dir, tenant)
	r.Database = filepath.Join(home, "vigil.db")
	_, stat := os.Stat(r.Database)
	if stat == nil && !o.Force {
		return r, vigil.Errorf(vigil.Conflict, "data_not_empty", "there is a database at %s already", r.Database).
			Hinted("--force moves it aside, or choose another directory with --data")
	}
	fresh := home + restoringSuffix
	if _, err := setAside(fresh, o.Now); err != nil { // an earlier restore was interrupted
		return r, err
	}
	_ = os.Remove(ballastPath(r.Database)) // it holds nothing, and the copy may need the space
	if r.Health, err = prepareCopy(ctx, file, filepath.Join(fresh, "vigil.db"), o); err != nil {
		return r, errors.Join(wrap(err, "restore %s", file), os.RemoveAll(fresh)) // it holds our copy only
	}
	if r.Aside, err = setAside(home, o.Now); err != nil {
		return r, err
	}
	if err := os.Rename(fresh, home); err != nil {
		return r, unwritable(dir, err)
	}
	return r, durable.SyncDir(dir)
}

// restorable refuses what is no backup before anything is done.
func restorable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return vigil.Errorf(vigil.NotFound, "backup_missing", "there is no file %s", file).Hinted("vigil backup --out FILE makes one")
	case err != nil:
		return vigil.Errorf(vigil.Invalid, "backup_unreadable", "%v", err).Hinted("name the file of a backup")
	case !info.Mode().IsRegular():
		return vigil.Errorf(vigil.Invalid, "backup_unreadable", "%s is no regular file", file).Hinted("name the file of a backup")
	}
	head := make([]byte, len(sqliteMagic))
	f, err := os.Open(file)
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "backup_unreadable", "%v", err).Hinted("name a file that you may read")
	}
	_, _ = f.Read(head) // too short is not the magic either
	if err := f.Close(); err != nil || string(head) != sqliteMagic {
		return vigil.Errorf(vigil.Invalid, "backup_unreadable", "%s is no database", file).Hinted("name the file of a backup")
	}
	if walSize(file) > 0 {
		return vigil.Errorf(vigil.Invalid, "backup_unfinished", "%s-wal holds what was written last, so the file alone is not whole", file).
			Hinted("vigil backup --out FILE makes one whole file")
	}
	return nil
}

const (
	sqliteMagic     = "SQLite format 3\x00"
	restoringSuffix = ".restoring"
)

// prepareCopy copies a backup to where it can be opened, brings its schema up
// to date and looks at all of it.
func prepareCopy(ctx context.Context, file, to string, o RestoreOptions) (h Health, err error) {
	if err := prepareFile(to); err != nil {
		return h, err
	}
	if err := copyFile(ctx, file, to); err != nil {
		return h, err
	}
	db, err := Open(ctx, to, o.Record)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, db.Close(ctx), durable.SyncDir(filepath.Dir(to))) }()
	if h, err = db.examine(ctx, o.Check, o.Progress); err != nil {
		return h, err
	}
	if err := h.Err(); err != nil {
		return h, err
	}
	if o.Admit != nil {
		if err := o.Admit(ctx, db); err != nil {
			return h, err
		}
	}
	return h, wrap(db.write(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `UPDATE targets SET fence = fence + ?`, fenceGap); err != nil {
			return err
		}
		return db.record(ctx, t, vigil.AuditRecord{
			At: o.Now, By: "local", Verb: "storage.restored", Object: "database", Message: "restored from a backup", Detail: o.Detail,
		})
	}), "note the restore")
}

// copyFile copies bytes; ctx may end it.
func copyFile(ctx context.Context, from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "backup_unreadable", "%v", err).Hinted("name a file that you may read")
	}
	defer in.Close() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return unwritable(filepath.Dir(to), err)
	}
	defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
	if _, err := out.ReadFrom(&untilDone{ctx.Err, in}); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

// untilDone reads a file until somebody says that it is enough.
type untilDone struct {
	done func() error
	f    *os.File
}

// Read reads, or says why no more.
func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.done(); err != nil {
		return 0, err
	}
	return u.f.Read(p)
}

// setAside gives a directory that exists a name nobody uses, and returns it.
func setAside(dir string, now time.Time) (string, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	to := dir + ".before-" + now.UTC().Format("20060102T150405.000Z")
	if err := os.Rename(dir, to); err != nil {
		return "", unwritable(filepath.Dir(dir), err)
	}
	return to, nil
}

// unfinishedRestore refuses to begin an empty database where an interrupted
// restore was about to put one.
func unfinishedRestore(path string) error {
	home := filepath.Dir(path)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(home + restoringSuffix); err != nil {
		return nil //nolint:nilerr // there is none
	}
	return vigil.Errorf(vigil.Unavailable, "restore_unfinished", "a restore into %s was interrupted", home).
		Hinted("vigil restore FILE, once more; what was there before lies beside it, in %s.before-…", home)
}
