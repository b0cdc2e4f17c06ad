package client

import (
	"context"
	"net/http"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Targets lists the targets that policies know, by name.
func (c *Client) Targets(ctx context.Context) ([]vigil.KnownTarget, error) {
	return list[vigil.KnownTarget](ctx, c, "/api/v1/targets", nil)
}

// MarkTarget says one of vigil.MarkWords of a target. One without a host is
// meant on every host.
func (c *Client) MarkTarget(ctx context.Context, t vigil.Target, word, reason string) error {
	in := struct {
		Mark   string `json:"mark"`
		Reason string `json:"reason,omitempty"`
	}{word, reason}
	_, err := c.call(ctx, ask{method: http.MethodPost, path: at("/api/v1/targets", t.String())}, in, nil)
	return err
}

// Breakers lists what is stopped because too much went wrong.
func (c *Client) Breakers(ctx context.Context) ([]vigil.Breaker, error) {
	return list[vigil.Breaker](ctx, c, "/api/v1/breakers", nil)
}

// ResetBreaker lets a stopped policy go on, whose backlog is dropped.
func (c *Client) ResetBreaker(ctx context.Context, policy string) error {
	_, err := c.call(ctx, ask{method: http.MethodPost, path: at("/api/v1/breakers", policy) + ":reset"}, nil, nil)
	return err
}
