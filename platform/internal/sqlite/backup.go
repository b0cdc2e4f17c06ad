package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Progress is called now and then during long work, with how much is done of
// what; the unit is the work's own.
type Progress func(done, total int64)

// Backup copies the database at path, which another process may be serving,
// into a new file, as it is at one moment. The copy is checked and synced
// before it gets its name, so that a file of that name is whole. Only its owner
// can read it. It returns the copy's size.
func Backup(ctx context.Context, path, to string, progress Progress) (size int64, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, missing(path)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return 0, vigil.Errorf(vigil.Conflict, "backup_exists", "there is something at %s already", to).
			Hinted("name a file that is not there yet; a backup replaces nothing")
	}
	part, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*.partial") // readable by its owner only
	if err != nil {
		return 0, cannotBackUp(to, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part.Name()) // what failed is what counts
		}
	}()
	if err := errors.Join(copyInto(ctx, path, part.Name(), progress), part.Sync(), part.Close()); err != nil {
		return 0, wrap(err, "back up %s", path)
	}
	if err := soundCopy(ctx, part.Name()); err != nil {
		return 0, wrap(err, "check the backup of %s", path)
	}
	if err := os.Rename(part.Name(), to); err != nil {
		return 0, cannotBackUp(to, err)
	}
	info, err := os.Stat(to)
	if err != nil {
		return 0, cannotBackUp(to, err)
	}
	return info.Size(), durable.SyncDir(filepath.Dir(to))
}

func cannotBackUp(to string, cause error) error {
	e := vigil.Errorf(vigil.Invalid, "backup_unwritable", "%s cannot be written", to).Hinted("choose a file in a directory that you may write")
	e.Err = cause
	return e
}

// copyInto writes a copy without free space, from one read transaction.
func copyInto(ctx context.Context, path, to string, progress Progress) error {
	return withShell(ctx, path, func(pool *sql.DB) error {
		var pages, free, pageSize int64
		for pragma, into := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &pageSize} {
			if err := pool.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(into); err != nil {
				return err
			}
		}
		stop := watch(progress, (pages-free)*pageSize, func() int64 { return fileSize(to) })
		defer stop()
		_, err := pool.ExecContext(ctx, "VACUUM INTO ?", to)
		return err
	})
}

// soundCopy looks for damage in the structure of a copy.
func soundCopy(ctx context.Context, path string) error {
	return withShell(ctx, path, func(pool *sql.DB) error {
		return quickCheck(ctx, pool)
	})
}

// withShell lends a pool of one connection that reads the file at path and has
// no time limit.
func withShell(ctx context.Context, path string, do func(*sql.DB) error) (err error) {
	db, err := Open(ctx, path, Options{ReadOnly: true}) // refuses a schema that we do not know
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	name, err := readerDSN(path, "ro", false, "")
	if err != nil {
		return err
	}
	pool, err := sql.Open("sqlite", name)
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	return coded(errors.Join(do(pool), pool.Close()))
}

// quickCheck asks SQLite whether the file is sound.
func quickCheck(ctx context.Context, pool *sql.DB) error {
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return vigil.Errorf(vigil.Unavailable, "storage_corrupt", "the database is damaged: %s", verdict).
			Hinted("move vigil.db and its -wal file aside (do not delete them) and restore a copy: vigil restore")
	}
	return nil
}

// watch reports how much is done until stop is called.
func watch(progress Progress, total int64, done func() int64) (stop func()) {
	if progress == nil {
		return func() {}
	}
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				progress(min(done(), total), total)
			}
		}
	})
	return func() {
		close(end)
		wg.Wait()
	}
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
