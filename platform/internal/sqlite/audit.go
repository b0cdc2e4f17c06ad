package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// AppendAudit adds one record to the chain.
func (db *DB) AppendAudit(ctx context.Context, rec vigil.AuditRecord) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error { return db.record(ctx, t, rec) })
	return wrap(err, "append audit record %s", rec.Verb)
}

// Audit returns at most limit records after seq, oldest first; with a negative
// after, the newest ones.
func (db *DB) Audit(ctx context.Context, after int64, limit int) ([]vigil.AuditRecord, error) {
	if after < 0 {
		recs, err := list(ctx, db, scanAudit, `SELECT * FROM (`+auditColumns+` ORDER BY seq DESC LIMIT ?) ORDER BY seq`, limited(limit))
		return recs, wrap(err, "list newest audit records")
	}
	recs, err := list(ctx, db, scanAudit, auditColumns+` WHERE seq > ? ORDER BY seq LIMIT ?`, after, limited(limit))
	return recs, wrap(err, "list audit records")
}

// AuditFor returns what happened to one object, oldest first; of a very long
// history, the newest part.
func (db *DB) AuditFor(ctx context.Context, object string) ([]vigil.AuditRecord, error) {
	recs, err := list(ctx, db, scanAudit,
		`SELECT * FROM (`+auditColumns+` WHERE object = ? ORDER BY seq DESC LIMIT ?) ORDER BY seq`, object, listMax)
	return recs, wrap(err, "list audit records of %s", object)
}

const auditColumns = `SELECT seq, tenant, at, principal, verb, object, target, from_state, to_state, message, detail, alg, chain FROM audit`

func scanAudit(rows *sql.Rows) (vigil.AuditRecord, error) {
	var r vigil.AuditRecord
	var at int64
	var detail []byte
	err := rows.Scan(&r.Seq, &r.Tenant, &at, &r.By, &r.Verb, &r.Object, &r.Target, &r.From, &r.To, &r.Message, &detail, &r.Alg, &r.Chain)
	r.At = time.Unix(0, at).UTC()
	if len(detail) > 0 {
		r.Detail = json.RawMessage(detail)
	}
	return r, err
}

// record appends rec inside a transaction. The record is brought into the form
// in which it will be read back before it is hashed, so that the chain can be
// verified from the rows alone.
func (db *DB) record(ctx context.Context, t *tx, rec vigil.AuditRecord) error {
	if rec.At.IsZero() {
		rec.At = db.o.Now()
	}
	rec.At = time.Unix(0, rec.At.UnixNano()).UTC()
	rec.Seq, rec.Tenant = t.w.tail.seq+1, db.o.Tenant
	rec.Alg, rec.Chain = "", ""
	if len(rec.Detail) == 0 {
		rec.Detail = nil
	}
	alg, link := db.o.Chain(t.w.tail.chain, rec)
	_, err := t.exec(ctx, `INSERT INTO audit
		(seq, tenant, principal, at, verb, object, target, from_state, to_state, message, detail, alg, chain)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		rec.Seq, rec.Tenant, rec.By, rec.At.UnixNano(), rec.Verb, rec.Object, rec.Target, rec.From, rec.To,
		rec.Message, []byte(rec.Detail), alg, hex.EncodeToString(link))
	if err != nil {
		return err
	}
	t.w.tail.seq, t.w.tail.chain = rec.Seq, link
	return nil
}

func (db *DB) records(ctx context.Context, t *tx, recs []vigil.AuditRecord) error {
	for _, r := range recs {
		if err := db.record(ctx, t, r); err != nil {
			return err
		}
	}
	return nil
}

// readChainTip finds the end of the chain after a start.
func (w *writer) readChainTip(ctx context.Context, t *tx) error {
	var chain string
	found, err := t.first(ctx, []any{&w.tail.seq, &chain}, `SELECT seq, chain FROM audit ORDER BY seq DESC LIMIT 1`)
	if err != nil || !found {
		return err
	}
	if w.tail.chain, err = hex.DecodeString(chain); err != nil {
		return fmt.Errorf("read end of the audit chain: %w", err)
	}
	return nil
}

// wrap adds what was being done to an error, and nothing to nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
