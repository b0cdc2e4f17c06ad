package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	notificationsPath = "/api/v1/notifications"
	channelsPath      = "/api/v1/channels"
)

// Notifications lists messages to people, newest first: of one channel and in one
// state, where those are named.
func (c *Client) Notifications(ctx context.Context, channel string, state vigil.NotifyState, limit int) ([]vigil.Notification, error) {
	q := url.Values{}
	for name, value := range map[string]string{"channel": channel, "state": string(state)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	return list[vigil.Notification](ctx, c, notificationsPath, q)
}

// Channels lists the ways to people that the configuration names.
func (c *Client) Channels(ctx context.Context) ([]vigil.Channel, error) {
	return list[vigil.Channel](ctx, c, channelsPath, nil)
}

// TestChannel sends a test message and says what the channel answered to it.
func (c *Client) TestChannel(ctx context.Context, name string) (vigil.ChannelAnswer, error) {
	return one[vigil.ChannelAnswer](ctx, c, http.MethodPost, at(channelsPath, name)+":test", nil)
}
