package sqlite

import (
	"context"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// DueNotifications returns what a channel may be told now, oldest first. Of one
// trouble only the oldest message that waits is among them, so that no end
// overtakes its beginning.
func (db *DB) DueNotifications(ctx context.Context, channel string, now time.Time, limit int) ([]vigil.Notification, error) {
	ns, err := bodies(ctx, db, decode[vigil.Notification], `SELECT body FROM notices AS n
		WHERE state = 'pending' AND channel = ? AND due_at <= ? AND NOT EXISTS
			(SELECT 1 FROM notices AS o WHERE o.state = 'pending' AND o.channel = n.channel AND o.key = n.key AND o.seq < n.seq)
		ORDER BY seq LIMIT ?`, channel, now.UnixNano(), limited(limit))
	return ns, wrap(err, "list due notifications")
}

// WaitingChannels returns the channels that messages wait for, in the order of
// their names.
func (db *DB) WaitingChannels(ctx context.Context) ([]string, error) {
	names, err := bodies(ctx, db, func(name string) (string, error) { return name, nil },
		`SELECT DISTINCT channel FROM notices WHERE state = 'pending' ORDER BY channel`)
	return names, wrap(err, "list channels")
}

// Notifications returns the newest notifications that pass the filter, newest
// first.
func (db *DB) Notifications(ctx context.Context, f flow.NotificationFilter) ([]vigil.Notification, error) {
	ns, err := bodies(ctx, db, decode[vigil.Notification], `SELECT body FROM notices
		WHERE (? = '' OR channel = ?) AND (? = '' OR state = ?) ORDER BY seq DESC LIMIT ?`,
		f.Channel, f.Channel, string(f.State), string(f.State), limited(f.Limit))
	return ns, wrap(err, "list notifications")
}
