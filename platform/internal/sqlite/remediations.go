package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// LoadTreatment returns all the healer must know after a start.
func (db *DB) LoadTreatment(ctx context.Context) (flow.Treatment, error) {
	var t flow.Treatment
	var err error
	if t.Open, err = bodies(ctx, db, decodeRemediation, `SELECT body FROM remediations WHERE open = 1 ORDER BY seq`); err != nil {
		return t, wrap(err, "list open remediations")
	}
	if t.Targets, err = list(ctx, db, scanTarget, `SELECT target, fence, deeds, updated_at, body FROM targets ORDER BY target`); err != nil {
		return t, wrap(err, "list targets")
	}
	if t.Guards, err = list(ctx, db, scanGuard, `SELECT name, body FROM guards ORDER BY name`); err != nil {
		return t, wrap(err, "list what guards remember")
	}
	if t.Pauses, t.Windows, err = db.brakes(ctx); err != nil {
		return t, err
	}
	t.KillSwitch, err = db.killSwitch(ctx)
	return t, wrap(err, "read kill switch")
}

func scanTarget(rows *sql.Rows) (flow.TargetMemory, error) {
	var m flow.TargetMemory
	var target, deeds, updated, body string
	var fence int64
	if err := rows.Scan(&target, &fence, &deeds, &updated, &body); err != nil {
		return m, err
	}
	m.Fence = uint64(fence)
	var errs [4]error
	m.Target, errs[0] = vigil.ParseTarget(target)
	m.Deeds, errs[1] = decode[[]time.Time](deeds)
	m.Updated, errs[2] = time.Parse(time.RFC3339Nano, updated)
	errs[3] = decodeTarget(body, &m)
	return m, errors.Join(errs[:]...)
}

// Apply makes one step of the healer durable, whole or not at all. A
// remediation whose stored version is not the one before its Version, a second
// open remediation of a target and a fence that would go back are conflicts.
func (db *DB) Apply(ctx context.Context, c flow.Change) error {
	rows, err := encodeAll(c.Remediations, encodeRemediation)
	if err != nil {
		return wrap(err, "apply change")
	}
	targets, err := encodeAll(c.Targets, encodeTarget)
	if err != nil {
		return wrap(err, "apply change")
	}
	guards, err := encodeAll(c.Guards, func(m flow.GuardMemory) (string, error) { return encode(m) })
	if err != nil {
		return wrap(err, "apply change")
	}
	err = db.write(ctx, func(ctx context.Context, t *tx) error {
		if err := db.applyRemediations(ctx, t, c.Remediations, rows); err != nil {
			return err
		}
		for i, m := range c.Targets {
			if err := db.applyTarget(ctx, t, m, targets[i]); err != nil {
				return err
			}
		}
		if err := db.applyGuards(ctx, t, c.Guards, guards); err != nil {
			return err
		}
		if err := db.applyKillSwitch(ctx, t, c.KillSwitch); err != nil {
			return err
		}
		if err := db.applyBrakes(ctx, t, c.Brakes); err != nil {
			return err
		}
		if err := db.records(ctx, t, c.Audit); err != nil {
			return err
		}
		return db.post(ctx, t, c.Notices)
	})
	return wrap(err, "apply change")
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// applyRemediations writes those that end first, so that one change may end a
// remediation and open the next one of the same target.
func (db *DB) applyRemediations(ctx context.Context, t *tx, rs []vigil.Remediation, rows []string) error {
	for _, open := range []bool{false, true} {
		for i, r := range rs {
			if r.Open() != open {
				continue
			}
			if err := db.applyRemediation(ctx, t, r, rows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) applyRemediation(ctx context.Context, t *tx, r vigil.Remediation, body string) error {
	changed, err := db.storeRemediation(ctx, t, r, body)
	if isUnique(err, "remediations.target") {
		return vigil.Errorf(vigil.Conflict, "target_busy", "target %s already has an open remediation", r.Target)
	}
	if err != nil {
		return err
	}
	if changed == 0 {
		return vigil.Errorf(vigil.Conflict, "version_conflict", "remediation %s is not at version %d any more", r.ID, r.Version-1).
			With("remediation", r.ID)
	}
	return db.storeAttempts(ctx, t, r)
}

// storeRemediation compares and sets: version 1 must be new, any other must
// follow the stored one.
func (db *DB) storeRemediation(ctx context.Context, t *tx, r vigil.Remediation, body string) (int64, error) {
	if r.Version == 1 {
		return t.exec(ctx, `INSERT INTO remediations
			(id, tenant, principal, policy, target, state, open, version, created_at, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			r.ID, db.o.Tenant, r.By, r.Policy, r.Target.String(), string(r.State), r.Open(), r.Version, sqlTime(r.CreatedAt), body)
	}
	return t.exec(ctx, `UPDATE remediations SET target = ?, state = ?, open = ?, version = ?, body = ?
		WHERE id = ? AND version = ?`,
		r.Target.String(), string(r.State), r.Open(), r.Version, body, r.ID, r.Version-1)
}

func isUnique(err error, column string) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code() == lib.SQLITE_CONSTRAINT_UNIQUE && strings.Contains(e.Error(), column)
}

func (db *DB) applyTarget(ctx context.Context, t *tx, m flow.TargetMemory, body string) error {
	deeds, err := encode(notNil(m.Deeds))
	if err != nil {
		return err
	}
	changed, err := t.exec(ctx, `INSERT INTO targets (target, tenant, fence, deeds, updated_at, body) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (target) DO UPDATE SET fence = excluded.fence, deeds = excluded.deeds, updated_at = excluded.updated_at, body = excluded.body
		WHERE excluded.fence >= fence`,
		m.Target.String(), db.o.Tenant, int64(m.Fence), deeds, m.Updated.UTC().Format(time.RFC3339Nano), body)
	if err == nil && changed == 0 {
		return vigil.Errorf(vigil.Conflict, "fence_stale", "the fence of %s would go back to %d", m.Target, m.Fence)
	}
	return err
}

// Remediation returns one remediation.
func (db *DB) Remediation(ctx context.Context, id string) (vigil.Remediation, error) {
	r, err := body(ctx, db, decodeRemediation,
		vigil.Errorf(vigil.NotFound, "remediation_not_found", "no remediation %q", id).Hinted("see vigil remediation ls"),
		`SELECT body FROM remediations WHERE id = ?`, id)
	return r, wrap(err, "read remediation %s", id)
}

// Remediations returns the newest remediations that pass the filter, newest
// first. A target without a host stands for that target on every host.
func (db *DB) Remediations(ctx context.Context, f flow.RemediationFilter) ([]vigil.Remediation, error) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(cond string, values ...any) {
		where, args = append(where, cond), append(args, values...)
	}
	if f.State != "" {
		add("state = ?", string(f.State))
	}
	if f.Policy != "" {
		add("policy = ?", f.Policy)
	}
	if f.Target != "" {
		add("(target = ? OR substr(target, 1, length(?) + 1) = ? || '@')", f.Target, f.Target, f.Target)
	}
	rs, err := bodies(ctx, db, decodeRemediation,
		`SELECT body FROM remediations WHERE `+strings.Join(where, " AND ")+` ORDER BY seq DESC LIMIT ?`,
		append(args, limited(f.Limit))...)
	return rs, wrap(err, "list remediations")
}
