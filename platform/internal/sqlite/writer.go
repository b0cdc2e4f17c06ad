package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	queueSize = 1024 // operations that may wait for the writer
	groupSize = 256  // operations that may share one commit
)

// work changes rows inside the group's transaction. It runs on the writer's
// goroutine while its caller waits, and must not keep tx.
type work func(ctx context.Context, t *tx) error

// op is one caller's work on its way through the writer.
type op struct {
	do    work
	bulk  bool        // grows without end, and waits while the disk is full
	taken atomic.Bool // by the writer, or by its caller who gave up waiting
	done  chan error  // buffered: the writer never waits for a caller
}

// writer owns the only connection that writes. Everything below queue belongs
// to the goroutine of run.
type writer struct {
	log    *slog.Logger
	health *health

	mu     sync.RWMutex // guards closed, and sends on queue against its closing
	closed bool
	queue  chan *op
	done   chan struct{} // closed when run has returned

	conn  *sql.Conn
	stmts map[string]*sql.Stmt // prepared once; as many as there are statements in this package
	tail  tail
	tip   func(seq int64, link []byte) // is told of each new end of the audit chain
	wal   walWatch

	ballast *ballast

	folds     atomic.Int64 // of the write-ahead log
	foldAbove int          // 0: as checkpoint.go says
}

// tail is what the writer remembers of the ends of its append-only tables. It
// is copied before a transaction and put back when that is rolled back, so its
// fields are replaced, never changed in place.
type tail struct {
	seq     int64  // of the newest audit record
	chain   []byte // of the newest audit record
	samples int64  // ever appended to the metric log
	logID   int64  // of the newest row of the metric log
}

// write runs do in the next group commit and returns when the commit is on
// disk. A caller whose ctx ends while its work still waits takes it back; once
// the work was taken, write waits for the outcome, so that nobody believes a
// change undone that was made.
func (w *writer) write(ctx context.Context, do work, bulk bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.health.refusal(); err != nil {
		return err
	}
	o := &op{do: do, bulk: bulk, done: make(chan error, 1)}
	if err := w.enqueue(o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-o.done
	}
}

func (w *writer) enqueue(o *op) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return vigil.Errorf(vigil.Unavailable, "storage_closed", "the database is closed")
	}
	select {
	case w.queue <- o:
		return nil
	default:
		return vigil.Errorf(vigil.Busy, "storage_busy", "%d writes wait for the disk already", queueSize).
			Hinted("try again in a moment")
	}
}

// stop lets no more work in; what is queued is still done.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
}

// run commits groups until stop was called and the queue is empty. It adds no
// delay: a group is what came in while the one before was being synced.
func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for {
		select {
		case first, ok := <-w.queue:
			if !ok {
				return
			}
			w.commit(ctx, w.gather(first))
			w.afterCommit(ctx)
			idle.Reset(idleAfter)
		case <-idle.C:
			w.whenIdle(ctx)
			if w.ballast.freed.Load() {
				idle.Reset(idleAfter)
			}
		}
	}
}

// gather takes what waits behind first, without waiting for more.
func (w *writer) gather(first *op) []*op {
	ops := make([]*op, 0, 8)
	add := func(o *op) {
		if o.taken.CompareAndSwap(false, true) {
			ops = append(ops, o)
		}
	}
	add(first)
	for len(ops) < groupSize {
		select {
		case o, ok := <-w.queue:
			if !ok {
				return ops
			}
			add(o)
		default:
			return ops
		}
	}
	return ops
}

// commit makes one transaction of the group and answers every operation in it.
// On a full disk those that help are done once more, in the ballast's space.
func (w *writer) commit(ctx context.Context, ops []*op) {
	w.ballast.remake(ctx)
	if ops = w.refuseBulk(ops); len(ops) == 0 {
		return
	}
	before := w.tail
	results := make([]error, len(ops))
	err := w.health.refusal()
	if err == nil {
		err = w.transact(ctx, ops, results)
	}
	if err != nil {
		w.tail = before
	}
	if resultCode(err) == lib.SQLITE_FULL && w.ballast.free(ctx) {
		w.health.note(err)
		w.commit(ctx, ops)
		return
	}
	w.health.note(err)
	if w.tail.seq != before.seq {
		w.tip(w.tail.seq, w.tail.chain)
	}
	for i, o := range ops {
		if err != nil {
			results[i] = err
		}
		o.done <- results[i]
	}
}

// refuseBulk answers what must wait for space, and returns the rest.
func (w *writer) refuseBulk(ops []*op) []*op {
	refusal := w.ballast.refusal()
	if refusal == nil {
		return ops
	}
	return slices.DeleteFunc(ops, func(o *op) bool {
		if o.bulk {
			o.done <- refusal
		}
		return o.bulk
	})
}

// transact returns an error when the whole group failed; otherwise results
// says how each operation fared and the rest is on disk.
func (w *writer) transact(ctx context.Context, ops []*op, results []error) error {
	if err := w.control(ctx, "BEGIN IMMEDIATE"); err != nil {
		return w.abandon(ctx, err)
	}
	for i, o := range ops {
		mine, all := w.step(ctx, o, len(ops) > 1)
		if all != nil {
			return w.abandon(ctx, all)
		}
		results[i] = coded(mine)
	}
	end := "COMMIT"
	if len(ops) == 1 && results[0] != nil {
		end = "ROLLBACK"
	}
	if err := w.control(ctx, end); err != nil {
		return w.abandon(ctx, err)
	}
	return nil
}

// step runs one operation. The first error is the operation's own, the second
// one ends the whole group. Shared says that others are in the same
// transaction and must not notice when the operation fails.
func (w *writer) step(ctx context.Context, o *op, shared bool) (mine, all error) {
	before := w.tail
	if shared {
		if err := w.control(ctx, "SAVEPOINT op"); err != nil {
			return nil, err
		}
	}
	mine = o.do(ctx, &tx{w: w})
	if mine != nil {
		w.tail = before
	}
	if judge(mine) != local {
		return nil, mine
	}
	if mine != nil && shared {
		all = w.control(ctx, "ROLLBACK TO op")
	}
	if all == nil && shared {
		all = w.control(ctx, "RELEASE op")
	}
	return mine, all
}

// control runs a statement that begins or ends a transaction. Such a statement
// has no fault of its own: what SQLite has no worse name for is a failed disk.
func (w *writer) control(ctx context.Context, statement string) error {
	_, err := (&tx{w: w}).exec(ctx, statement)
	if err != nil && judge(err) == local {
		e := failed()
		e.Err = err
		w.health.fail(err)
		return e
	}
	return err
}

// abandon ends a transaction that failed as a whole. SQLite may have rolled it
// back by itself already, so the rollback's own error means nothing.
func (w *writer) abandon(ctx context.Context, err error) error {
	if judge(err) == sticky {
		w.health.fail(err)
	}
	if w.health.refusal() != nil {
		w.log.ErrorContext(ctx, "storage failed, nothing is written any more", "err", err)
	}
	_, _ = (&tx{w: w}).exec(ctx, "ROLLBACK")
	return coded(err)
}

// prepared returns the statement for query, made at its first use.
func (w *writer) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := w.stmts[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	w.stmts[query] = s
	return s, nil
}

// closeStatements lets go of what prepared made: with one statement left
// SQLite keeps the connection, and its files, open behind our back.
func (w *writer) closeStatements() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	clear(w.stmts)
	return errors.Join(errs...)
}
