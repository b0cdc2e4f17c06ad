package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func openHere(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "vigil.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

// grouped runs all work in one transaction and returns how each part fared: the
// writer is held by a first operation until the others wait behind it.
func grouped(t *testing.T, db *DB, parts ...work) []error {
	t.Helper()
	ops := make([]*op, len(parts))
	for i, do := range parts {
		ops[i] = &op{do: do, done: make(chan error, 1)}
	}
	return groupedOps(t, db, ops...)
}

func groupedOps(t *testing.T, db *DB, ops ...*op) []error {
	t.Helper()
	held, let := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- db.write(t.Context(), func(context.Context, *tx) error {
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	for _, o := range ops {
		if err := db.w.enqueue(o); err != nil {
			t.Fatal(err)
		}
	}
	close(let)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	errs := make([]error, len(ops))
	for i, o := range ops {
		errs[i] = <-o.done
	}
	return errs
}

func TestWriter_AFailingOperationLeavesItsGroupAlone(t *testing.T) {
	t.Parallel()
	db := openHere(t, Options{Chain: func([]byte, vigil.AuditRecord) (string, []byte) { return "", []byte{1} }})
	put := func(verb string, then error) work {
		return func(ctx context.Context, t *tx) error {
			return errors.Join(db.record(ctx, t, vigil.AuditRecord{Verb: verb}), then)
		}
	}
	mine := errors.New("my own mistake")
	broken := func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO policies (name, revision, body) VALUES (?, ?, ?)`, "x", "no number", "")
		return err
	}
	errs := grouped(t, db, put("one", nil), put("two", mine), broken, put("three", nil))
	if errs[0] != nil || !errors.Is(errs[1], mine) || errs[2] == nil || errs[3] != nil {
		t.Fatalf("outcomes = %v", errs)
	}
	recs, err := db.Audit(t.Context(), 0, 10)
	if err != nil || len(recs) != 2 || recs[0].Verb != "one" || recs[1].Verb != "three" || recs[1].Seq != 2 {
		t.Errorf("records = %+v, %v; want one and three without a gap", recs, err)
	}
}

func TestWriter_GroupsWhatWaits(t *testing.T) {
	t.Parallel()
	db := openHere(t, Options{})
	var seen []int
	parts := make([]work, 10)
	for i := range parts {
		parts[i] = func(ctx context.Context, t *tx) error {
			var level int
			_, err := t.first(ctx, []any{&level}, `SELECT count(*) FROM audit`)
			seen = append(seen, level)
			return errors.Join(err, db.record(ctx, t, vigil.AuditRecord{Verb: "v"}))
		}
	}
	for _, err := range grouped(t, db, parts...) {
		if err != nil {
			t.Error(err)
		}
	}
	if fmt.Sprint(seen) != "[0 1 2 3 4 5 6 7 8 9]" {
		t.Errorf("order = %v", seen)
	}
}

func TestWriter_AnAbandonedWaitIsTakenBack(t *testing.T) {
	t.Parallel()
	db := openHere(t, Options{})
	held, let := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- db.write(t.Context(), func(context.Context, *tx) error {
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- db.AppendAudit(ctx, vigil.AuditRecord{Verb: "late"}) }()
	eventually(t, "the second write waits", func() bool { return len(db.w.queue) == 1 })
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled write = %v", err)
	}
	close(let)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if err := db.AppendAudit(t.Context(), vigil.AuditRecord{Verb: "next"}); err != nil {
		t.Fatal(err)
	}
	recs, err := db.Audit(t.Context(), 0, 10)
	if err != nil || len(recs) != 1 || recs[0].Verb != "next" {
		t.Errorf("records = %+v, %v; want next only", recs, err)
	}
}

func TestWriter_RefusesWhenFullAndWhenClosed(t *testing.T) {
	t.Parallel()
	w := &writer{health: newHealth(), queue: make(chan *op, 1), done: make(chan struct{})}
	if err := w.enqueue(&op{}); err != nil {
		t.Fatal(err)
	}
	if got := vigil.CodeOf(w.enqueue(&op{})); got != "storage_busy" {
		t.Errorf("full queue = %q, want storage_busy", got)
	}
	db := openHere(t, Options{})
	if err := db.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := vigil.CodeOf(db.AppendAudit(t.Context(), vigil.AuditRecord{})); got != "storage_closed" {
		t.Errorf("after close = %q, want storage_closed", got)
	}
}

func TestWriter_FoldsTheLogWhenQuiet(t *testing.T) {
	t.Parallel()
	db := openHere(t, Options{})
	g := flow.LogGroup{Blob: make([]byte, 2<<20), Samples: 1}
	if err := db.AppendLog(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the blob reaches the database file", func() bool {
		fi, err := os.Stat(db.path)
		return err == nil && fi.Size() > 2<<20
	})
}

// eventually looks again every few milliseconds until ok or ten seconds passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}
