package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func openCode(t *testing.T, path string, o sqlite.Options) string {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, o)
	if err == nil {
		closeDB(t, db)
	}
	return vigil.CodeOf(err)
}

func execSQL(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close() // the statement's own error counts
	_, err = db.ExecContext(t.Context(), statement)
	must(t, err)
}

func TestOpen_RefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	f := func(name, want string, o sqlite.Options, prepare func(path string)) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "data", "vigil.db")
		prepare(path)
		if got := openCode(t, path, o); got != want {
			t.Errorf("%s: code = %q, want %q", name, got, want)
		}
	}
	made := func(path string) {
		db, err := sqlite.Open(t.Context(), path, options())
		must(t, err)
		closeDB(t, db)
	}
	f("nothing there", "", options(), func(string) {})
	f("a schema from the future", "schema_newer", options(), func(path string) {
		made(path)
		execSQL(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
	})
	f("a schema from the future, to look at", "schema_newer", sqlite.Options{ReadOnly: true}, func(path string) {
		made(path)
		execSQL(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
	})
	f("no database to look at", "database_not_found", sqlite.Options{ReadOnly: true}, func(string) {})
	f("a file where the directory should be", "data_dir_unwritable", options(), func(path string) {
		must(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
	})
	f("a directory where the file should be", "data_dir_unwritable", options(), func(path string) {
		must(t, os.MkdirAll(path, 0o700))
	})
	f("another kind of file", "storage_corrupt", options(), func(path string) {
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, make([]byte, 8192), 0o600))
		must(t, os.WriteFile(path, []byte("this is not a database, whatever its name says; it is a letter"), 0o600))
	})
}

func TestOpen_KeepsTheFilePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	open(t, filepath.Join(dir, "vigil.db"))
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, filepath.Join(dir, "vigil.db"): 0o600} {
		fi, err := os.Stat(path)
		must(t, err)
		if fi.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, fi.Mode(), want)
		}
	}
}

func TestReadOnly_SeesNewRowsAndWritesNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	look, err := sqlite.Open(t.Context(), path, sqlite.Options{ReadOnly: true})
	must(t, err)
	defer closeDB(t, look)
	must(t, db.AppendAudit(t.Context(), record("x", "y")))
	recs, err := look.Audit(t.Context(), 0, 9)
	must(t, err)
	if len(recs) != 1 {
		t.Errorf("records = %d, want 1", len(recs))
	}
	wantCode(t, look.AppendAudit(t.Context(), record("x", "y")), "storage_read_only")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, look.Run(ctx))
}

func TestAudit_CannotBeRewritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	must(t, db.AppendAudit(t.Context(), record("x", "y")))
	closeDB(t, db)
	other, err := sql.Open("sqlite", path)
	must(t, err)
	defer other.Close() // read only
	for _, q := range []string{`DELETE FROM audit`, `UPDATE audit SET verb = 'z'`} {
		if _, err := other.ExecContext(t.Context(), q); err == nil {
			t.Errorf("%s worked", q)
		}
	}
}

func TestBrakes_UnreadableMeansInForce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	closeDB(t, open(t, path))
	execSQL(t, path, `INSERT INTO pauses (id, body) VALUES ('pause-1', '{"expires": "yest')`)
	execSQL(t, path, `INSERT INTO maintenance (name, body) VALUES ('weekly', '[]')`)
	got, err := open(t, path).LoadTreatment(t.Context())
	must(t, err)
	if p := got.Pauses[0]; p.ID != "pause-1" || p.Scope != (vigil.Scope{}) || !p.Expires.IsZero() {
		t.Errorf("pause = %+v, want one of everything that nothing but a person ends", p)
	}
	if w := got.Windows[0]; w.Name != "weekly" || w.Scope != (vigil.Scope{}) || w.Cron != "" || !w.Until.IsZero() {
		t.Errorf("window = %+v, want one of everything without an end", w)
	}
}

func TestKillSwitch_UnreadableMeansEngaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	closeDB(t, open(t, path))
	execSQL(t, path, `INSERT INTO settings (key, body) VALUES ('kill_switch', '{"engaged": fal')`)
	got, err := open(t, path).LoadTreatment(t.Context())
	must(t, err)
	if !got.KillSwitch.Engaged {
		t.Error("an unreadable kill switch lets actions through")
	}
}

// A file that was closed is whole without its companions.
func TestClose_LeavesNothingInTheWriteAheadLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	must(t, db.AppendLog(t.Context(), group("some samples", 1, 1)))
	closeDB(t, db)
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		t.Errorf("%d bytes are left in the write-ahead log", wal.Size())
	}
}
