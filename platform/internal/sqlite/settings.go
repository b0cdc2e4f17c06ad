package sqlite

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

const killSwitchKey = "kill_switch"

// killSwitch reads the kill switch. When its row cannot be understood the
// switch counts as engaged: doing nothing is the safe mistake.
func (db *DB) killSwitch(ctx context.Context) (flow.KillSwitch, error) {
	var body string
	found, err := db.one(ctx, []any{&body}, `SELECT body FROM settings WHERE key = ?`, killSwitchKey)
	if err != nil || !found {
		return flow.KillSwitch{}, err
	}
	k, err := decode[flow.KillSwitch](body)
	if err != nil {
		db.o.Log.ErrorContext(ctx, "kill switch is unreadable and counts as engaged", "err", err)
		return flow.KillSwitch{Engaged: true, By: "vigil", Reason: "its stored state is unreadable"}, nil
	}
	return k, nil
}

func (db *DB) applyKillSwitch(ctx context.Context, t *tx, k *flow.KillSwitch) error {
	if k == nil {
		return nil
	}
	body, err := encode(k)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO settings (key, tenant, principal, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET principal = excluded.principal, body = excluded.body`,
		killSwitchKey, db.o.Tenant, k.By, body)
	return err
}
