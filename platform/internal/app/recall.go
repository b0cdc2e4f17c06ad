package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/capability/recall"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// openRecall lets a tenant's guests ask for its metrics and their own state.
func (a *App) openRecall(ctx context.Context, t *tenant, name string) (err error) {
	budgets := capability.NewBudgets(filepath.Join(a.o.Config.Data, name, "budgets"))
	t.recall, err = recall.Open(ctx, recall.Options{
		Ledger: t.db, Read: t.read, Selector: promql.Named, Grants: t.modules.Grants, Allows: module.Allows, Spend: budgets.Spend,
		Now: a.o.Now, Log: a.log.With("tenant", name),
	})
	if err != nil {
		return fmt.Errorf("open recall: %w", err)
	}
	a.down.goes(ctx, "recall", a.cancel, t.recall.Run)
	return nil
}

// read answers guests out of the tenant's history.
func (t *tenant) read(ctx context.Context, metric string, match func(vigil.Series) bool, from, to time.Time, limit int) ([]vigil.History, error) {
	found, err := t.history.Samples(ctx, flow.Choice{Metric: metric, Match: match}, from, to, limit)
	if err != nil {
		return nil, err
	}
	out := make([]vigil.History, len(found))
	for i, h := range found {
		out[i] = vigil.History{Series: h.Meta, Times: h.Times, Values: h.Values}
	}
	return out, nil
}

// ledger is the database as policy sees it: what decisions rest on is on disk
// before they are.
type ledger struct {
	*sqlite.DB
	recall   *recall.Recall
	notifier *notify.Notifier
}

// SaveEpisodes stores changed episodes and new decisions together, after the
// state that guests changed on the way to them. Whoever was told of an episode is
// told that it is over.
func (l ledger) SaveEpisodes(ctx context.Context, episodes []vigil.Episode, decisions []vigil.Decision) error {
	if err := l.recall.Flush(ctx); err != nil {
		return err
	}
	over := l.notifier.Address(notify.Ended(episodes))
	err := l.DB.SaveEpisodes(ctx, episodes, decisions, over...)
	if err == nil && len(over) > 0 {
		l.notifier.Wake()
	}
	return err
}

// guests lends policy the sandbox: module bytes come from the registry, and
// answers to host calls from recall.
type guests struct {
	engine  *wasm.Engine
	modules *module.Registry
	recall  *recall.Recall
}

// OpenPolicy opens an instance of a policy module.
func (g guests) OpenPolicy(ctx context.Context, digest string) (policy.Guest, error) {
	m, err := g.modules.Resolve(ctx, digest)
	if err != nil {
		return nil, err
	}
	p, err := g.engine.OpenPolicy(ctx, digest, func() ([]byte, error) { return g.modules.Bytes(ctx, digest) })
	if err != nil {
		return nil, err
	}
	return &guest{Policy: p, desk: g.recall.For(m)}, nil
}

// EngineName says what decisions are judged by: they are the same as long as it
// is.
func EngineName(version string) string { return "vigil " + version + ", " + wasm.Runtime() }

// guest is an instance of a policy module and who answers it.
type guest struct {
	*wasm.Policy
	desk  *recall.Guest
	calls []vigil.HostCall
}

// Eval judges a batch. What a guest that failed has written is taken back, and
// so is what one wrote over history that it has seen before.
func (g *guest) Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error) {
	g.desk.Begin(ask.Policy)
	said, err := g.EvalWith(ctx, ask, g.desk)
	g.calls = g.desk.End(err == nil && !ask.Replay)
	return said, err
}

// Calls are those of the last Eval.
func (g *guest) Calls() []vigil.HostCall { return g.calls }

// asks are what an action may ask beside its deeds, where the collector is in
// this process.
func (a *App) asks() func(flow.Lease) map[string]capability.Verb {
	if a.home == nil {
		return nil
	}
	return func(l flow.Lease) map[string]capability.Verb { return a.home.recall.Verbs(l.Action) }
}
