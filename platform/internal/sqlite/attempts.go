package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// attemptRow is one attempt of a remediation in the seed's words.
type attemptRow struct {
	n                           int
	id, action, status, details string
	startedAt                   time.Time
}

// storeAttempts rewrites what the seed's view shows of a remediation.
func (db *DB) storeAttempts(ctx context.Context, t *tx, r vigil.Remediation) error {
	rows := attemptRows(r)
	if rows[0].n > 0 {
		if _, err := t.exec(ctx, `DELETE FROM attempts WHERE remediation = ? AND n = 0`, r.ID); err != nil {
			return err
		}
	}
	for _, a := range rows {
		_, err := t.exec(ctx, `INSERT OR REPLACE INTO attempts
			(remediation, n, tenant, principal, id, target, action, status, details, started_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, a.n, db.o.Tenant, r.By, a.id, r.Target.String(), a.action, a.status, a.details, sqlTime(a.startedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// attemptRows is never empty: a remediation without attempts is one row too.
// An attempt that another one followed has failed, whatever it said.
func attemptRows(r vigil.Remediation) []attemptRow {
	if len(r.Attempts) == 0 {
		return []attemptRow{{0, r.ID, nextAction(r), r.State.Seed(), details(r, ""), r.CreatedAt}}
	}
	rows := make([]attemptRow, 0, len(r.Attempts))
	for i, a := range r.Attempts {
		row := attemptRow{a.N, r.ID, a.Action, vigil.Failed.Seed(), details(r, a.Message), a.StartedAt}
		if i > 0 {
			row.id = fmt.Sprintf("%s/%d", r.ID, a.N)
		}
		if i == len(r.Attempts)-1 {
			row.status = r.State.Seed()
		}
		if row.startedAt.IsZero() {
			row.startedAt = a.LeasedAt
		}
		rows = append(rows, row)
	}
	return rows
}

// details says why, and what came of it.
func details(r vigil.Remediation, message string) string {
	if message == "" && r.Hold != nil {
		message = cmp.Or(r.Hold.Detail, string(r.Hold.Reason))
	}
	if message == "" {
		return r.Reason
	}
	return r.Reason + ": " + message
}

// nextAction names what a remediation without attempts will run.
func nextAction(r vigil.Remediation) string {
	if r.Step < 0 || r.Step >= len(r.Runbook) {
		return ""
	}
	return r.Runbook[r.Step].Action
}
