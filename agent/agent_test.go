package agent_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/agent"
	"github.com/techmedaddy/vigil/agent/probe"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRun_SendsThisHostAndItsServices(t *testing.T) {
	t.Parallel()
	batches := make(chan []vigil.Sample, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var batch []vigil.Sample
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Errorf("batch: %v", err)
		}
		batches <- batch
	}))
	t.Cleanup(collector.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- agent.Run(ctx, agent.Config{
			Collector: collector.URL, Host: "h", Spool: t.TempDir(), Interval: 100 * time.Millisecond,
			Services: func() []probe.Service { return []probe.Service{{Name: "self", PID: os.Getpid()}} },
		})
	}()
	wanted := map[string]bool{
		"host_memory": true, "host_load1": true, "service_up": true, "service_cpu": true,
		"service_rss_bytes": true, "service_pid": true,
	}
	deadline := time.After(20 * time.Second)
	for len(wanted) > 0 {
		select {
		case batch := <-batches:
			for _, s := range batch {
				delete(wanted, s.Name)
			}
		case <-deadline:
			t.Fatalf("never sent: %v", wanted)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestRun_RefusesABadConfig(t *testing.T) {
	t.Parallel()
	f := func(c agent.Config, code string) {
		t.Helper()
		if err := agent.Run(t.Context(), c); vigil.CodeOf(err) != code {
			t.Errorf("Run(%+v) = %v, want %s", c, err, code)
		}
	}
	f(agent.Config{Collector: "http://h", Spool: t.TempDir()}, "host_missing")
	f(agent.Config{Collector: "http://h", Spool: t.TempDir(), Host: "h", Interval: 1}, "interval_invalid")
	f(agent.Config{Collector: "h", Spool: t.TempDir(), Host: "h"}, "collector_invalid")
	f(agent.Config{Collector: "http://h", Host: "h", Spool: "/dev/null/spool"}, "spool_unusable")
}
