package sqlite

import (
	"context"
	"errors"
	"sync"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// severity says how far an error of SQLite reaches.
type severity int

const (
	local  severity = iota // one operation is at fault; its neighbours go on
	group                  // the transaction is gone, a later one may work
	sticky                 // the file or the disk can no longer be trusted
)

// judge sorts an error by the result code in its chain. An error that did not
// come from SQLite is the operation's own.
func judge(err error) severity {
	switch resultCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_INTERRUPT:
		return group
	case lib.SQLITE_IOERR, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_NOMEM, lib.SQLITE_READONLY,
		lib.SQLITE_CANTOPEN, lib.SQLITE_PROTOCOL, lib.SQLITE_MISUSE, lib.SQLITE_INTERNAL, lib.SQLITE_NOLFS:
		return sticky
	default:
		return local
	}
}

// resultCode returns the primary SQLite result code in err's chain, 0 if none.
func resultCode(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return lib.SQLITE_OK
	}
	return e.Code() & 0xff
}

// coded gives an error of SQLite the code and the hint a person needs; others
// pass unchanged.
func coded(err error) error {
	if err == nil {
		return nil
	}
	if _, known := errors.AsType[*vigil.Error](err); known {
		return err
	}
	var e *vigil.Error
	switch resultCode(err) {
	case lib.SQLITE_FULL:
		e = full()
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		e = vigil.Errorf(vigil.Busy, "storage_busy", "another program holds the database locked").
			Hinted("close the program that writes to vigil.db")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		e = vigil.Errorf(vigil.Unavailable, "storage_corrupt", "the database is damaged").
			Hinted("move vigil.db and its -wal file aside (do not delete them) and restore a copy")
	case lib.SQLITE_OK, lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_TOOBIG, lib.SQLITE_INTERRUPT:
		return err
	default:
		e = failed()
	}
	e.Err = err
	return e
}

func failed() *vigil.Error {
	return vigil.Errorf(vigil.Unavailable, "storage_failed", "the disk refused a write, nothing is written any more").
		Hinted("check the disk and the log, then restart vigil")
}

// health remembers the first error after which nothing may be written.
type health struct {
	mu    sync.Mutex
	err   error         // guarded by mu; nil while healthy
	last  error         // guarded by mu; of the newest transaction, nil if it was stored
	broke chan struct{} // closed when err is set
}

func newHealth() *health { return &health{broke: make(chan struct{})} }

// fail records err as the reason, the first time only.
func (h *health) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return
	}
	h.err = err
	close(h.broke)
}

// refusal is the answer to every write since the failure, nil before it.
func (h *health) refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return nil
	}
	e := failed()
	e.Err = h.err
	return e
}

// note remembers how the newest transaction ended.
func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
}

// trouble is why writes do not succeed at present, nil if they do.
func (h *health) trouble() error {
	if err := h.refusal(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// timedOut turns the end of our own time limit into a coded error; the
// caller's own deadline or cancellation passes unchanged.
func timedOut(caller context.Context, err error) error {
	if caller.Err() == nil && (errors.Is(err, context.DeadlineExceeded) || resultCode(err) == lib.SQLITE_INTERRUPT) {
		e := vigil.Errorf(vigil.Timeout, "query_timeout", "the query took too long").Hinted("ask for less, for example with a shorter time range")
		e.Err = err
		return e
	}
	return err
}
