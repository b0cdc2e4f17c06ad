package app

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// collector is a started one on which the policy load-high, of the module that
// asks for its limit, may ask.
func collector(t *testing.T) *App {
	t.Helper()
	wasm := filepath.Join(t.TempDir(), "limit.wasm")
	if err := module.Build(t.Context(), "../../cmd/vigil/testdata/module/limit", wasm); err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	a, err := Start(t.Context(), Options{Config: c, Collector: true, Cache: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	m, _, err := a.home.modules.Upload(t.Context(), flow.Upload{By: "local", Wasm: code})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range m.Requires {
		if _, err := a.home.modules.Grant(t.Context(), "local", vigil.Grant{Digest: m.Digest, Capability: want.Capability, Target: want.Target}); err != nil {
			t.Fatal(err)
		}
	}
	p := vigil.DefaultPolicy()
	p.Name, p.Module, p.Select.Selector, p.Target, p.Settings = "load-high", "limit", "load", "service:web", []byte(`{"metric":"most"}`)
	if _, _, err := a.home.policies.Apply(t.Context(), "local", p); err != nil {
		t.Fatal(err)
	}
	return a
}

// decided sends a sample and waits for a decision on its value.
func decided(t *testing.T, a *App, api *client.Client, name string, value float64) (d vigil.Decision) {
	t.Helper()
	if _, err := api.Ingest(t.Context(), []vigil.Sample{{Name: name, Value: value, Time: time.Now()}}, client.Sending{}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all, err := a.home.db.Decisions(t.Context(), "load-high", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 && all[0].Value == value {
			if d, err = a.home.db.Decision(t.Context(), all[0].ID); err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	t.Fatalf("no decision on %g", value)
	return d
}

func TestReplay_OfADecisionAnswersFromItsTranscript(t *testing.T) {
	t.Parallel()
	a := collector(t)
	api, err := client.New(a.CollectorURL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.Ingest(t.Context(), []vigil.Sample{{Name: "most", Value: 100, Time: time.Now()}}, client.Sending{}); err != nil {
		t.Fatal(err)
	}
	d := decided(t, a, api, "load", 150)
	if d.Verdict != vigil.VerdictFire || d.Reason != "150 is over 100, 1 so far" || len(d.Calls) != 3 {
		t.Fatalf("decision %+v", d)
	}
	// Meanwhile all has changed that the guest asked about.
	if _, err := api.Ingest(t.Context(), []vigil.Sample{{Name: "most", Value: 9999, Time: time.Now()}}, client.Sending{}); err != nil {
		t.Fatal(err)
	}
	f := func(calls []vigil.HostCall) policy.Said {
		t.Helper()
		again := d
		again.Calls = calls
		return replay(t, a, again)
	}
	if got := f(d.Calls); !got.Same(policy.SaidBy(d)) {
		t.Errorf("a replay said %+v", got)
	}
	other := append([]vigil.HostCall(nil), d.Calls...)
	other[0].Reply = bytes.ReplaceAll(other[0].Reply, []byte("AAAAAAAAWUA="), []byte("AAAAAAAAaUA="))
	if got := f(other); got.Verdict != vigil.VerdictOK {
		t.Errorf("with another answer it said %+v", got)
	}
	if got := f(nil); got.Verdict != vigil.VerdictInfo {
		t.Errorf("without answers it said %+v", got)
	}
}

// replay judges a decision again in a fresh instance.
func replay(t *testing.T, a *App, d vigil.Decision) policy.Said {
	t.Helper()
	p, err := a.engine.OpenPolicy(t.Context(), d.Digest, func() ([]byte, error) { return a.home.modules.Bytes(t.Context(), d.Digest) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	said, err := policy.Replay(t.Context(), d, p.Witness(d.Calls))
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	return said
}
