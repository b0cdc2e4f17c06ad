package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options are what a DB needs besides its path.
type Options struct {
	Log      *slog.Logger
	Tenant   string // whose rows these are; "default" when empty
	ReadOnly bool   // no writer, no migration: for a look while another process serves

	// Chain extends the audit chain: the new link over the link before (nil for
	// the first) and a record that is as it will be stored, and how it was made.
	// Without it records carry no chain.
	Chain func(prev []byte, r vigil.AuditRecord) (alg string, link []byte)
	Tip   func(seq int64, link []byte) // hears of the newest audit record once it is on disk; must not block
	Now   func() time.Time             // when an audit record names no time

	Ballast  int64 // bytes kept for a full disk, in a file beside the database: 0
	WALBytes int64 // of the write-ahead log, which is folded when it has more: 16 MiB

	vfs string // tests inject faults below SQLite
}

// DB is one tenant's database.
type DB struct {
	o    Options
	path string
	pool *sql.DB // the writer's; one connection
	read *sql.DB
	w    *writer
	once func() error // release, the first time

	damaged []error // rows of the log that Open set aside
}

// Open opens or creates the database at path, brings its schema up to date and
// starts its writer, which Close stops. The caller holds the lock of the data
// directory (LockDir).
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	o = o.withDefaults()
	db := &DB{o: o, path: path}
	db.once = sync.OnceValue(db.release)
	if err := db.open(ctx); err != nil {
		err = errors.Join(openFault(path, err), db.once())
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Tenant == "" {
		o.Tenant = "default"
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // what Options.Now is without one
	}
	if o.Chain == nil {
		o.Chain = func([]byte, vigil.AuditRecord) (string, []byte) { return "", nil }
	}
	if o.Tip == nil {
		o.Tip = func(int64, []byte) {}
	}
	return o
}

func (db *DB) open(ctx context.Context) error {
	if err := settleProcess(db.o.Log); err != nil {
		return err
	}
	if db.o.ReadOnly {
		return db.openReadOnly(ctx)
	}
	if err := unfinishedRestore(db.path); err != nil {
		return err
	}
	if err := prepareFile(db.path); err != nil {
		return err
	}
	unclean := walSize(db.path) > 0
	if err := db.openWriter(ctx); err != nil {
		return err
	}
	if err := db.openReaders("rw"); err != nil {
		return err
	}
	if unclean {
		return db.quickCheck(ctx)
	}
	return nil
}

func (db *DB) openReadOnly(ctx context.Context) error {
	if _, err := os.Stat(db.path); errors.Is(err, fs.ErrNotExist) {
		return missing(db.path)
	}
	if err := db.openReaders("ro"); err != nil {
		return err
	}
	return checkSchema(ctx, db.read)
}

// openWriter migrates the schema and starts the writer's goroutine.
func (db *DB) openWriter(ctx context.Context) error {
	kept := openBallast(ctx, db.path, db.o)
	name, err := writerDSN(db.path, db.o.vfs)
	if err != nil {
		return err
	}
	if db.pool, err = sql.Open("sqlite", name); err != nil {
		return err
	}
	db.pool.SetMaxOpenConns(1)
	if err := migrate(ctx, db.pool); err != nil {
		return err
	}
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	w := &writer{
		log: db.o.Log, health: newHealth(), queue: make(chan *op, queueSize), done: make(chan struct{}),
		ballast: kept, conn: conn, stmts: map[string]*sql.Stmt{}, tip: db.o.Tip, foldAbove: int(db.o.WALBytes / frameBytes),
	}
	if db.damaged, err = w.proveLog(ctx); err == nil {
		err = w.readTail(ctx)
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	db.w = w
	go w.run(context.WithoutCancel(ctx)) // until Close
	return nil
}

func (w *writer) readTail(ctx context.Context) error {
	t := &tx{w: w}
	if err := w.readChainTip(ctx, t); err != nil {
		return err
	}
	upto, samples, err := sealedEnd(ctx, t.first)
	if err != nil {
		return err
	}
	var id, end int64
	_, err = t.first(ctx, []any{&id, &end}, `SELECT id, first + samples FROM log ORDER BY id DESC LIMIT 1`)
	w.tail.logID, w.tail.samples = max(upto, id), max(samples, end)
	return err
}

func (db *DB) openReaders(mode string) error {
	name, err := readerDSN(db.path, mode, true, db.o.vfs)
	if err != nil {
		return err
	}
	if db.read, err = sql.Open("sqlite", name); err != nil {
		return err
	}
	db.read.SetMaxOpenConns(4)
	db.read.SetMaxIdleConns(2)
	db.read.SetConnMaxIdleTime(time.Minute)
	return nil
}

// Run watches the storage: it returns the reason as soon as the disk refused a
// write, so that the process can end, and nil when ctx ends. Writing does not
// depend on it.
func (db *DB) Run(ctx context.Context) error {
	if db.w == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-db.w.health.broke:
		return db.w.health.refusal()
	}
}

// Ready says why writes do not succeed at present: the disk is full, or
// refused one.
func (db *DB) Ready(context.Context) error {
	if db.w == nil {
		return nil // read-only
	}
	if err := db.w.ballast.refusal(); err != nil {
		return err
	}
	return db.w.health.trouble()
}

// Close finishes the writes that wait, folds the write-ahead log into the
// database and closes it. When ctx ends first the writes still finish, but
// nobody waits for them. Closing again does nothing.
func (db *DB) Close(ctx context.Context) error {
	if db.w == nil {
		return db.once()
	}
	db.w.stop()
	select {
	case <-db.w.done:
	case <-ctx.Done():
		return fmt.Errorf("close database %s: %w", db.path, ctx.Err())
	}
	return db.once()
}

// release closes what is open. After a storage failure the writer's connection
// stays open until the process ends: closing the last connection would fold
// the write-ahead log, and so sync again a file whose sync failed. Closing its
// pool does not close it, since it was never given back.
func (db *DB) release() error {
	var errs []error
	if db.read != nil {
		errs = append(errs, db.read.Close())
	}
	if db.w != nil {
		db.w.stop()
		<-db.w.done
		if db.w.health.refusal() == nil {
			errs = append(errs, db.w.foldAll(), db.w.closeStatements(), db.w.conn.Close())
		}
	}
	if db.pool != nil {
		errs = append(errs, db.pool.Close())
	}
	return errors.Join(errs...)
}

// write is how every method changes rows.
func (db *DB) write(ctx context.Context, do work) error { return db.writeAs(ctx, do, false) }

// writeBulk is write for what grows without end, and so is not to have the last
// space of a disk.
func (db *DB) writeBulk(ctx context.Context, do work) error { return db.writeAs(ctx, do, true) }

func (db *DB) writeAs(ctx context.Context, do work, bulk bool) error {
	if db.w == nil {
		return vigil.Errorf(vigil.Unavailable, "storage_read_only", "the database %s is open for reading only", db.path)
	}
	return db.w.write(ctx, do, bulk)
}
