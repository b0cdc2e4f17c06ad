package recall_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/capability/recall"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// tenant is one tenant's disk, history and grants; only the clock is not real.
type tenant struct {
	*recall.Recall
	t     testing.TB
	db    *sqlite.DB
	store *metrics.Store
	opts  recall.Options
	close func()

	mu     sync.Mutex
	grants []vigil.Grant // guarded by mu
	now    time.Time     // guarded by mu
}

// open opens a tenant whose data is in dir, until the test ends or close.
func open(t testing.TB, name, dir string) *tenant {
	t.Helper()
	w := &tenant{t: t, now: start}
	log := slog.New(slog.DiscardHandler)
	var err error
	w.db, err = sqlite.Open(t.Context(), filepath.Join(dir, "vigil.db"), sqlite.Options{Tenant: name, Now: w.clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = metrics.Open(t.Context(), metrics.Disk{Journal: w.db, Archive: w.db, Past: w.db}, metrics.Options{Now: w.clock, Log: log}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = w.store.Run(ctx) })
	w.close = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := w.db.Close(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(w.close)
	w.opts = recall.Options{
		Ledger: w.db, Read: w.read, Selector: promql.Named, Allows: module.Allows, Now: w.clock, Log: log, Turn: 5 * time.Second,
		Spend: capability.NewBudgets(filepath.Join(dir, "budgets")).Spend,
		Grants: func(context.Context, string) ([]vigil.Grant, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return append([]vigil.Grant(nil), w.grants...), nil
		},
	}
	w.reopen()
	return w
}

// reopen makes the Recall anew, as a crash does: what only memory knew is gone.
func (w *tenant) reopen() {
	w.t.Helper()
	r, err := recall.Open(w.t.Context(), w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Recall = r
}

func (w *tenant) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *tenant) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *tenant) grant(capability, target string, change func(*vigil.Grant)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := vigil.Grant{ID: fmt.Sprint("g-", len(w.grants)), Capability: capability, Target: target}
	if change != nil {
		change(&g)
	}
	w.grants = append(w.grants, g)
}

func (w *tenant) revoke() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grants = nil
}

func (w *tenant) read(ctx context.Context, metric string, match func(vigil.Series) bool, from, to time.Time, limit int) ([]vigil.History, error) {
	found, err := w.store.Samples(ctx, flow.Choice{Metric: metric, Match: match}, from, to, limit)
	out := make([]vigil.History, len(found))
	for i, h := range found {
		out[i] = vigil.History{Series: h.Meta, Times: h.Times, Values: h.Values}
	}
	return out, err
}

// ingest makes values of a series durable, a second apart, the last one now.
func (w *tenant) ingest(name, host string, values ...float64) {
	w.t.Helper()
	s, err := w.store.Intern(flow.AppendKey(nil, vigil.Series{Name: name, Labels: vigil.Labels{"host": host}}))
	if err != nil {
		w.t.Fatal(err)
	}
	b := &flow.Batch{Received: w.clock(), Values: values, Runs: []flow.Run{{ID: s.ID, Meta: s.Meta, Count: uint32(len(values))}}}
	for i := range values {
		b.Times = append(b.Times, w.clock().Add(time.Duration(i+1-len(values))*time.Second).UnixNano())
	}
	if err := w.store.Append(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

// module is a policy's module that asks.
var asker = vigil.Module{Name: "asker", Kind: vigil.PolicyModule, Digest: "sha256:aa"}

// evaluate is one evaluation in which a guest makes calls.
func evaluate(t testing.TB, g *recall.Guest, keep bool, calls func(call func(op string, request any) vigil.CallReply)) []vigil.HostCall {
	t.Helper()
	g.Begin("p")
	calls(func(op string, request any) vigil.CallReply { return call(t, g, op, request) })
	return g.End(keep)
}

func call(t testing.TB, g *recall.Guest, op string, request any) vigil.CallReply {
	t.Helper()
	doc, isText := request.(string)
	if !isText {
		b, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		doc = string(b)
	}
	var reply vigil.CallReply
	if err := json.Unmarshal(g.Call(t.Context(), op, []byte(doc)), &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// ask is one evaluation of a fresh guest with one call.
func (w *tenant) ask(op string, request any) (reply vigil.CallReply) {
	w.t.Helper()
	evaluate(w.t, w.For(asker), true, func(call func(string, any) vigil.CallReply) { reply = call(op, request) })
	return reply
}

func (w *tenant) get(key string) string {
	w.t.Helper()
	reply := w.ask(vigil.OpState, vigil.StateRequest{Do: vigil.StateGet, Key: key})
	return string(data[vigil.StateReply](w.t, reply).Value)
}

func data[T any](t testing.TB, reply vigil.CallReply) (v T) {
	t.Helper()
	if !reply.OK {
		t.Fatalf("refused: %s %s", reply.Code, reply.Message)
	}
	if err := json.Unmarshal(reply.Data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func set(key, value string) vigil.StateRequest {
	return vigil.StateRequest{Do: vigil.StateSet, Key: key, Value: []byte(value)}
}

// last is a query for the last minute.
func last(selector string) vigil.QueryRequest {
	return vigil.QueryRequest{Select: selector, From: start.Add(-time.Minute).UnixNano(), To: start.UnixNano()}
}
