package sqlite

import (
	"context"
	"database/sql"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// readable is a row's body, or what stands for it when it cannot be read: doing
// nothing is the safe mistake.
func readable[T any](ctx context.Context, db *DB, instead func(key string) T) func(*sql.Rows) (T, error) {
	return func(rows *sql.Rows) (T, error) {
		var key, body string
		if err := rows.Scan(&key, &body); err != nil {
			return instead(key), err
		}
		v, err := decode[T](body)
		if err != nil {
			db.o.Log.ErrorContext(ctx, "a brake is unreadable and counts as in force", "brake", key, "err", err)
			return instead(key), nil
		}
		return v, nil
	}
}

// brakes reads the pauses and the windows of maintenance.
func (db *DB) brakes(ctx context.Context) (ps []vigil.Pause, ws []vigil.Window, err error) {
	const lost = "its stored state is unreadable"
	ps, err = list(ctx, db, readable(ctx, db, func(id string) vigil.Pause {
		return vigil.Pause{ID: id, Holder: "vigil", By: "vigil", Reason: lost}
	}), `SELECT id, body FROM pauses ORDER BY id`)
	if err != nil {
		return nil, nil, wrap(err, "list pauses")
	}
	ws, err = list(ctx, db, readable(ctx, db, func(name string) vigil.Window {
		return vigil.Window{Name: name, By: "vigil", Reason: lost}
	}), `SELECT name, body FROM maintenance ORDER BY name`)
	return ps, ws, wrap(err, "list windows of maintenance")
}

// applyBrakes takes away before it sets, so that one change may put a brake in
// another's place.
func (db *DB) applyBrakes(ctx context.Context, t *tx, b flow.Brakes) error {
	for _, id := range b.Lifted {
		if _, err := t.exec(ctx, `DELETE FROM pauses WHERE id = ?`, id); err != nil {
			return err
		}
	}
	for _, name := range b.Removed {
		if _, err := t.exec(ctx, `DELETE FROM maintenance WHERE name = ?`, name); err != nil {
			return err
		}
	}
	for _, p := range b.Pauses {
		if err := db.putBrake(ctx, t, `INSERT OR REPLACE INTO pauses (id, tenant, principal, body) VALUES (?, ?, ?, ?)`, p.ID, p.By, p); err != nil {
			return err
		}
	}
	for _, w := range b.Windows {
		if err := db.putBrake(ctx, t, `INSERT OR REPLACE INTO maintenance (name, tenant, principal, body) VALUES (?, ?, ?, ?)`, w.Name, w.By, w); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) putBrake(ctx context.Context, t *tx, query, key, by string, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, query, key, db.o.Tenant, by, body)
	return err
}
