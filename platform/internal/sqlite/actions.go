package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// PutSeedAction stores a posted action; the same id again replaces what was
// said before.
func (db *DB) PutSeedAction(ctx context.Context, a flow.SeedAction, rec vigil.AuditRecord) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO posted_actions (id, tenant, principal, target, action, status, details, started_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET principal = excluded.principal, target = excluded.target,
			action = excluded.action, status = excluded.status, details = excluded.details, started_at = excluded.started_at`,
			a.ID, db.o.Tenant, rec.By, a.Target, a.Action, a.Status, a.Details, sqlTime(a.StartedAt))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `DELETE FROM posted_actions WHERE seq <= (SELECT max(seq) FROM posted_actions) - ?`, keepRows)
		if err != nil {
			return err
		}
		return db.record(ctx, t, rec)
	})
	return wrap(err, "put action %s", a.ID)
}

// SeedActions returns the newest rows of the seed's actions table, newest
// first: the attempts of remediations and what others posted.
func (db *DB) SeedActions(ctx context.Context, limit int) ([]flow.SeedAction, error) {
	rows, err := list(ctx, db, scanSeedAction,
		`SELECT id, target, action, status, details, started_at FROM actions ORDER BY started_at DESC LIMIT ?`, limited(limit))
	return rows, wrap(err, "list actions")
}

func scanSeedAction(rows *sql.Rows) (flow.SeedAction, error) {
	var a flow.SeedAction
	var started string
	err := rows.Scan(&a.ID, &a.Target, &a.Action, &a.Status, &a.Details, &started)
	if err != nil || started == "" {
		return a, err
	}
	a.StartedAt, err = time.Parse(sqlTimeLayout, started)
	return a, err
}
