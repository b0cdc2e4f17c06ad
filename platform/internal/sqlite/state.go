package sqlite

import (
	"context"
	"database/sql"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// State returns what a module keeps for itself, by key.
func (db *DB) State(ctx context.Context, space string) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := db.each(ctx, func(rows *sql.Rows) error {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		all[key] = notNil(value)
		return nil
	}, `SELECT key, value FROM state WHERE tenant = ? AND space = ?`, db.o.Tenant, space)
	return all, wrap(err, "read state of %s", space)
}

// StateSize returns how many bytes of keys and values all modules keep.
func (db *DB) StateSize(ctx context.Context) (bytes int64, err error) {
	_, err = db.one(ctx, []any{&bytes}, `SELECT coalesce(sum(length(CAST(key AS BLOB)) + length(value)), 0) FROM state WHERE tenant = ?`, db.o.Tenant)
	return bytes, wrap(err, "add up state")
}

// SaveState makes changes durable, all or none, the later ones over the
// earlier.
func (db *DB) SaveState(ctx context.Context, changes []flow.StateChange) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		for _, c := range changes {
			if err := db.saveState(ctx, t, c); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "save %d changes of state", len(changes))
}

func (db *DB) saveState(ctx context.Context, t *tx, c flow.StateChange) error {
	if c.Value == nil {
		_, err := t.exec(ctx, `DELETE FROM state WHERE tenant = ? AND space = ? AND key = ?`, db.o.Tenant, c.Space, c.Key)
		return err
	}
	t.w.wal.bytes += len(c.Value)
	_, err := t.exec(ctx, `INSERT INTO state (tenant, space, key, value) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, space, key) DO UPDATE SET value = excluded.value`, db.o.Tenant, c.Space, c.Key, c.Value)
	return err
}

// ClearState forgets what a module kept for itself.
func (db *DB) ClearState(ctx context.Context, space string) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM state WHERE tenant = ? AND space = ?`, db.o.Tenant, space)
		return err
	})
	return wrap(err, "clear state of %s", space)
}
