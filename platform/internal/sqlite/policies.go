package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Policies returns all policies by name.
func (db *DB) Policies(ctx context.Context) ([]flow.PolicyRow, error) {
	rows, err := bodies(ctx, db, decodePolicy, `SELECT body FROM policies ORDER BY name`)
	return rows, wrap(err, "list policies")
}

// decodePolicy lays a row over the defaults, so that a guard which is younger
// than the row has its default and is not off.
func decodePolicy(s string) (flow.PolicyRow, error) {
	row := flow.PolicyRow{Policy: vigil.Policy{Guards: vigil.DefaultPolicy().Guards}}
	if err := json.Unmarshal([]byte(s), &row); err != nil {
		return row, fmt.Errorf("decode row: %w", err)
	}
	return row, nil
}

// PutPolicy stores a policy over any earlier one of its name.
func (db *DB) PutPolicy(ctx context.Context, p flow.PolicyRow, rec vigil.AuditRecord) error {
	body, err := encode(p)
	if err != nil {
		return wrap(err, "put policy %s", p.Name)
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO policies (name, tenant, principal, revision, body) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET principal = excluded.principal, revision = excluded.revision, body = excluded.body`,
			p.Name, db.o.Tenant, p.AppliedBy, p.Revision, body)
		if err != nil {
			return err
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "put policy %s", p.Name)
}

// DeletePolicy removes a policy; the audit log keeps that it was there.
func (db *DB) DeletePolicy(ctx context.Context, name string, rec vigil.AuditRecord) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `DELETE FROM policies WHERE name = ?`, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return vigil.Errorf(vigil.NotFound, "policy_not_found", "no policy %q", name).Hinted("see vigil policy ls")
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "delete policy %s", name)
}
