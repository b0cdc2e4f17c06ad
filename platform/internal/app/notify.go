package app

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// openNotifier opens the ways to people.
func (a *App) openNotifier(ctx context.Context, t *tenant, log *slog.Logger) (err error) {
	n := a.o.Config.Notify
	t.notifier, err = notify.New(notify.Options{
		Channels: converted(n.Channels, told), Routes: routes(n), Outbox: t.db, Now: a.o.Now, Log: log,
	})
	if err != nil {
		return fmt.Errorf("open notifications: %w", err)
	}
	a.down.goes(ctx, "notify", a.cancel, t.notifier.Run)
	return nil
}

func told(c config.Channel) notify.Config { return notify.Config(c) }

func routes(n config.Notify) (out []notify.Route) {
	for _, r := range n.Routes {
		out = append(out, notify.Route(r))
	}
	return out
}

// checkNotify reports the first thing in a configuration that would keep its
// channels from being told.
func checkNotify(n config.Notify) error {
	channels := converted(n.Channels, told)
	if err := each("notify.channels", channels, func(name string, c notify.Config) error { return c.Check(name) }); err != nil {
		return err
	}
	for i, r := range routes(n) {
		at := map[string]notify.Route{strconv.Itoa(i): r}
		if err := each("notify.routes", at, func(_ string, r notify.Route) error { return r.Check(channels) }); err != nil {
			return err
		}
	}
	return nil
}

// announced is the database as the healer sees it: what a change tells people is
// written with the change.
type announced struct {
	*sqlite.DB
	notifier *notify.Notifier
}

// Apply writes a change and its notices, whole or not at all.
func (l announced) Apply(ctx context.Context, c flow.Change) error {
	c.Notices = l.notifier.Address(notify.Notices(c))
	err := l.DB.Apply(ctx, c)
	if err == nil && len(c.Notices) > 0 {
		l.notifier.Wake()
	}
	return err
}

// notices is what HTTP can reach of them.
type notices struct {
	*notify.Notifier
	db *sqlite.DB
}

// Notifications lists messages, newest first.
func (n notices) Notifications(ctx context.Context, f flow.NotificationFilter) ([]vigil.Notification, error) {
	return n.db.Notifications(ctx, f)
}
