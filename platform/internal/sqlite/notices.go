package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of the outbox. Above the first, the oldest message of the channel that
// still waits is given up, and that is recorded.
const (
	noticesWaiting = 1_000  // of one channel
	noticesOpen    = 10_000 // troubles without an end, oldest key first out
	noticesKept    = 10_000 // rows in all
)

// post writes notices into the outbox, inside the transaction of what they
// tell. A trigger is remembered until it is resolved. What names no channel
// goes to those that were told of the trouble; one without a key, to those told
// of its episode.
func (db *DB) post(ctx context.Context, t *tx, ns []vigil.Notification) error {
	for _, n := range ns {
		told, err := t.told(ctx, n)
		if err != nil {
			return err
		}
		for _, to := range told {
			if err := db.postOne(ctx, t, to); err != nil {
				return err
			}
		}
	}
	if len(ns) == 0 {
		return nil
	}
	_, err := t.exec(ctx, `DELETE FROM notices WHERE state <> 'pending' AND seq <= (SELECT max(seq) FROM notices) - ?`, noticesKept)
	return err
}

// told addresses a notice: one copy for each channel.
func (t *tx) told(ctx context.Context, n vigil.Notification) (out []vigil.Notification, err error) {
	if n.Channel != "" {
		return []vigil.Notification{n}, nil
	}
	err = t.each(ctx, func(rows *sql.Rows) error {
		to := n
		err := rows.Scan(&to.Channel, &to.Key)
		out = append(out, to)
		return err
	}, `SELECT channel, key FROM notices_open WHERE key = ? OR (? = '' AND episode = ?)`, n.Key, n.Key, n.Episode)
	return out, err
}

func (db *DB) postOne(ctx context.Context, t *tx, n vigil.Notification) error {
	if err := db.opened(ctx, t, n); err != nil {
		return err
	}
	n.ID, n.State = noticeID(n), vigil.NotifyPending
	if n.DueAt.IsZero() {
		n.DueAt = n.At
	}
	body, err := encode(n)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, `INSERT INTO notices (id, tenant, channel, key, state, due_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO NOTHING`, n.ID, db.o.Tenant, n.Channel, n.Key, string(n.State), n.DueAt.UnixNano(), body); err != nil {
		return err
	}
	return db.crowded(ctx, t, n)
}

// opened remembers a trigger, and forgets it when it is resolved.
func (db *DB) opened(ctx context.Context, t *tx, n vigil.Notification) (err error) {
	switch n.Verb {
	case vigil.Trigger:
		if _, err = t.exec(ctx, `INSERT INTO notices_open (tenant, channel, key, episode) VALUES (?, ?, ?, ?)
			ON CONFLICT (key, channel) DO UPDATE SET episode = excluded.episode`, db.o.Tenant, n.Channel, n.Key, n.Episode); err == nil {
			_, err = t.exec(ctx, `DELETE FROM notices_open WHERE (key, channel) IN
				(SELECT key, channel FROM notices_open WHERE key <> ? LIMIT max(0, (SELECT count(*) FROM notices_open) - ?))`, n.Key, noticesOpen)
		}
	case vigil.Resolve:
		_, err = t.exec(ctx, `DELETE FROM notices_open WHERE key = ? AND channel = ?`, n.Key, n.Channel)
	default:
	}
	return err
}

// crowded gives up the oldest message of a channel when too many wait.
func (db *DB) crowded(ctx context.Context, t *tx, n vigil.Notification) error {
	var waiting int
	if _, err := t.first(ctx, []any{&waiting}, `SELECT count(*) FROM notices WHERE state = 'pending' AND channel = ?`, n.Channel); err != nil || waiting <= noticesWaiting {
		return err
	}
	var doc string
	if _, err := t.first(ctx, []any{&doc}, `SELECT body FROM notices WHERE state = 'pending' AND channel = ? ORDER BY seq LIMIT 1`, n.Channel); err != nil {
		return err
	}
	old, err := decode[vigil.Notification](doc)
	if err != nil {
		return err
	}
	old.State, old.DoneAt, old.Answer = vigil.NotifyDropped, n.At, fmt.Sprintf("more than %d wait for this channel", noticesWaiting)
	if err := settle(ctx, t, old); err != nil {
		return err
	}
	return db.record(ctx, t, givenUp(old))
}

// givenUp is the record of a message that reached nobody.
func givenUp(n vigil.Notification) vigil.AuditRecord {
	return vigil.AuditRecord{
		At: n.DoneAt, By: "vigil", Verb: "notification." + string(n.State), Object: n.ID, Target: n.Target,
		To: n.Channel, Message: fmt.Sprintf("%s: %s: %s", n.Channel, n.Summary, n.Answer),
	}
}

// noticeID is the same for the same message to the same channel, so that what
// caused it cannot cause it twice.
func noticeID(n vigil.Notification) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %d", n.Channel, n.Verb, n.When, n.Key, n.Remediation, n.Episode, n.At.UnixNano()))
	return "ntf-" + hex.EncodeToString(sum[:10])
}

func settle(ctx context.Context, t *tx, n vigil.Notification) error {
	body, err := encode(n)
	if err == nil {
		_, err = t.exec(ctx, `UPDATE notices SET state = ?, due_at = ?, body = ? WHERE id = ? AND state = 'pending'`,
			string(n.State), n.DueAt.UnixNano(), body, n.ID)
	}
	return err
}

// SettleNotifications stores how deliveries went. What was given up is recorded.
func (db *DB) SettleNotifications(ctx context.Context, ns []vigil.Notification) error {
	err := db.write(ctx, func(ctx context.Context, t *tx) error {
		for _, n := range ns {
			if err := settle(ctx, t, n); err != nil {
				return err
			}
			if n.State == vigil.NotifyPending || n.State == vigil.NotifySent {
				continue
			}
			if err := db.record(ctx, t, givenUp(n)); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "settle %d notifications", len(ns))
}
