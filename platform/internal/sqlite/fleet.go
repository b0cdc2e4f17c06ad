package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// targetBody is what a target's row holds beside its columns.
type targetBody struct {
	Failures  int                       `json:"failures,omitempty"`
	FailedAt  time.Time                 `json:"failed_at,omitzero"`
	Unhelpful map[string]flow.Unhelpful `json:"unhelpful,omitempty"`
	Mark      vigil.Mark                `json:"mark,omitzero"`
}

func encodeTarget(m flow.TargetMemory) (string, error) {
	return encode(targetBody{m.Failures, m.FailedAt, m.Unhelpful, m.Mark})
}

func decodeTarget(s string, m *flow.TargetMemory) error {
	b, err := decode[targetBody](s)
	m.Failures, m.FailedAt, m.Unhelpful, m.Mark = b.Failures, b.FailedAt, b.Unhelpful, b.Mark
	return err
}

// applyGuards writes what guards remember, and deletes what they forgot.
func (db *DB) applyGuards(ctx context.Context, t *tx, ms []flow.GuardMemory, rows []string) error {
	for i, m := range ms {
		var err error
		if m.Empty() {
			_, err = t.exec(ctx, `DELETE FROM guards WHERE name = ?`, m.Of)
		} else {
			_, err = t.exec(ctx, `INSERT INTO guards (name, tenant, body) VALUES (?, ?, ?)
				ON CONFLICT (name) DO UPDATE SET body = excluded.body`, m.Of, db.o.Tenant, rows[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func scanGuard(rows *sql.Rows) (flow.GuardMemory, error) {
	var name, body string
	if err := rows.Scan(&name, &body); err != nil {
		return flow.GuardMemory{}, err
	}
	m, err := decode[flow.GuardMemory](body)
	m.Of = name
	return m, err
}

// Known returns the targets that policies know.
func (db *DB) Known(ctx context.Context) ([]flow.Known, error) {
	all, err := list(ctx, db, func(rows *sql.Rows) (flow.Known, error) {
		var k flow.Known
		var target string
		var seen int64
		if err := rows.Scan(&k.Policy, &target, &k.Group, &seen); err != nil {
			return k, err
		}
		var err error
		k.SeenAt = time.Unix(0, seen).UTC()
		k.Target, err = vigil.ParseTarget(target)
		return k, err
	}, `SELECT policy, target, in_group, seen_at FROM inventory ORDER BY policy, target`)
	return all, wrap(err, "list known targets")
}

// SaveKnown stores which targets policies know now and which they have forgotten,
// all or none.
func (db *DB) SaveKnown(ctx context.Context, known, forgotten []flow.Known) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		for _, k := range forgotten {
			if _, err := t.exec(ctx, `DELETE FROM inventory WHERE policy = ? AND target = ?`, k.Policy, k.Target.String()); err != nil {
				return err
			}
		}
		for _, k := range known {
			_, err := t.exec(ctx, `INSERT INTO inventory (policy, target, tenant, in_group, seen_at) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (policy, target) DO UPDATE SET in_group = excluded.in_group, seen_at = excluded.seen_at`,
				k.Policy, k.Target.String(), db.o.Tenant, k.Group, k.SeenAt.UnixNano())
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "save %d known targets", len(known)+len(forgotten))
}
