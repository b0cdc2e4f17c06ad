package httpd_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
)

// jam is an ingest whose disk does not answer.
type jam struct {
	httpd.Ingest
	entered chan struct{}
	release chan struct{}
}

func (j jam) JSON(ctx context.Context, _ flow.IngestRequest) (flow.Receipt, error) {
	j.entered <- struct{}{}
	select {
	case <-j.release:
		return flow.Receipt{Accepted: 1}, nil
	case <-ctx.Done():
		return flow.Receipt{}, ctx.Err()
	}
}

func (j jam) OTLP(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	return j.JSON(ctx, r)
}

func TestFlood_OfSamplesLeavesHealthPauseAndAuditReachable(t *testing.T) {
	t.Parallel()
	const fit = 16 // requests of 64 KiB
	w := newWorld()
	j := jam{entered: make(chan struct{}, 4*fit), release: make(chan struct{})}
	b := start(t, w, func(o *httpd.Options) {
		o.Limits.Held = fit * 64 << 10
		o.Tenants = func(string) (httpd.Tenant, bool) {
			tenant := w.tenant()
			tenant.Ingest = j
			return tenant, true
		}
	})
	body := strings.Repeat("x", 64<<10)
	var flood sync.WaitGroup
	for i := range fit {
		path := []string{"/ingest", "/v1/metrics"}[i%2]
		flood.Go(func() {
			if got := b.do("POST", path, body, "Content-Type", "application/json"); got.status != http.StatusOK {
				t.Errorf("a request that fitted = %d %s", got.status, got.body)
			}
		})
	}
	for range fit {
		<-j.entered
	}
	for _, path := range []string{"/ingest", "/v1/metrics", "/write", "/api/v2/write"} {
		got := b.do("POST", path, body, "Content-Type", "application/json")
		if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "bodies_busy") || got.header.Get("Retry-After") == "" {
			t.Errorf("POST %s over the budget = %d %s", path, got.status, got.body)
		}
	}
	if got := b.do("POST", "/api/v1/write", body); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("remote write over the budget = %d %s, want 503: its senders drop a 429", got.status, got.body)
	}
	for _, r := range [][3]string{
		{"GET", "/livez", ""},
		{"GET", "/readyz", ""},
		{"PUT", "/api/v1/killswitch", `{"engaged":true,"reason":"flood"}`},
		{"GET", "/api/v1/killswitch", ""},
		{"GET", "/api/v1/audit", ""},
	} {
		if got := b.do(r[0], r[1], r[2]); got.status != http.StatusOK {
			t.Errorf("%s %s in the flood = %d %s", r[0], r[1], got.status, got.body)
		}
	}
	close(j.release)
	flood.Wait()
	if got := b.do("POST", "/ingest", body); got.status != http.StatusOK {
		t.Errorf("after the flood = %d %s", got.status, got.body)
	}
}
