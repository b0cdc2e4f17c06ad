package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const leasesPath = "/api/v1/leases"

// Register tells the collector of a remediator and the services it reaches.
func (c *Client) Register(ctx context.Context, r vigil.Remediator) error {
	_, err := c.call(ctx, ask{method: http.MethodPost, path: "/api/v1/remediators"}, r, nil)
	return err
}

// Lease waits for work; nil without an error means that there was none in
// time.
func (c *Client) Lease(ctx context.Context, remediator string, wait time.Duration) (*vigil.Lease, error) {
	in := struct {
		Remediator string `json:"remediator"`
	}{remediator}
	a := ask{method: http.MethodPost, path: leasesPath, query: url.Values{"wait": {wait.String()}}, wait: wait}
	var out vigil.Lease
	status, err := c.call(ctx, a, in, &out)
	if err != nil || status == http.StatusNoContent {
		return nil, err
	}
	return &out, nil
}

// Start makes the intent to act durable; only after it may the action begin.
func (c *Client) Start(ctx context.Context, l vigil.Lease) error {
	_, err := c.call(ctx, leaseAsk(l.Remediation, "start"), l, nil)
	return err
}

// Heartbeat keeps a lease.
func (c *Client) Heartbeat(ctx context.Context, l vigil.Lease) (now vigil.Renewal, err error) {
	_, err = c.call(ctx, leaseAsk(l.Remediation, "heartbeat"), l, &now)
	return now, err
}

// Finish reports how an attempt ended.
func (c *Client) Finish(ctx context.Context, r vigil.Report) error {
	_, err := c.call(ctx, leaseAsk(r.Remediation, "finish"), r, nil)
	return err
}

func leaseAsk(remediation, verb string) ask {
	return ask{method: http.MethodPost, path: at(leasesPath, remediation) + ":" + verb}
}
