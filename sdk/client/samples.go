package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Sending says how a batch of samples is sent.
type Sending struct {
	Trace  string    // traceparent; "" sends none
	SentAt time.Time // by the sender's clock; zero sends none
}

// Receipt is what became of a batch: what it counts as accepted is on the
// collector's disk.
type Receipt struct {
	Accepted int         `json:"accepted"`
	Rejected []Rejection `json:"rejected"`
}

// Rejection is a sample that was not admitted, by its place in the batch.
type Rejection struct {
	Index int    `json:"index"`
	Field string `json:"field"`
	Code  string `json:"code"`
}

// Ingest sends samples.
func (c *Client) Ingest(ctx context.Context, samples []vigil.Sample, how Sending) (Receipt, error) {
	a := ask{method: http.MethodPost, path: "/ingest", header: http.Header{}}
	if how.Trace != "" {
		a.header.Set("Traceparent", how.Trace)
	}
	if !how.SentAt.IsZero() {
		a.header.Set("Vigil-Sent-At", strconv.FormatInt(how.SentAt.UnixNano(), 10))
	}
	var out Receipt
	_, err := c.call(ctx, a, samples, &out)
	return out, err
}

// Latest returns the newest samples, newest first; name "" means all.
func (c *Client) Latest(ctx context.Context, limit int, name string) ([]vigil.Sample, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if name != "" {
		q.Set("name", name)
	}
	var out struct {
		Metrics []vigil.Sample `json:"metrics"`
	}
	_, err := c.call(ctx, ask{method: http.MethodGet, path: "/query", query: q}, nil, &out)
	return out.Metrics, err
}

// Ready returns nil when the collector can serve, and why not otherwise.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.call(ctx, ask{method: http.MethodGet, path: "/readyz"}, nil, nil)
	return err
}
