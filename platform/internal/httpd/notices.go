package httpd

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// notices binds the messages to people and their channels.
func (s *site) notices() {
	part := func(t Tenant) Notices { return t.Notices }
	type filter struct {
		Limit   int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
		Channel string `query:"channel"`
		State   string `query:"state" enum:"pending,sent,refused,dropped"`
	}
	bind(s, "notifications.list", part, func(ctx context.Context, _ *request, p Notices, in *filter) (*answer200[items[vigil.Notification]], error) {
		all, err := p.Notifications(ctx, flow.NotificationFilter{Channel: in.Channel, State: vigil.NotifyState(in.State), Limit: in.Limit})
		return listed(all), err
	})
	bind(s, "channels.list", part, func(_ context.Context, _ *request, p Notices, _ *none) (*answer200[items[vigil.Channel]], error) {
		return listed(p.Channels()), nil
	})
	bind(s, "channels.test", part, func(ctx context.Context, r *request, p Notices, in *nameInput) (*answer200[vigil.ChannelAnswer], error) {
		said, err := p.Test(ctx, in.Name, r.by.Name)
		return &answer200[vigil.ChannelAnswer]{Body: said}, err
	})
}
