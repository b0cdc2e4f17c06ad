package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/recall"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ballastBytes is room for a day of what people do to a Vigil on a full disk.
const ballastBytes = 64 << 20

// tenant is one tenant's whole river, on one database.
type tenant struct {
	db       *sqlite.DB
	audit    *auditLog
	history  *metrics.Store
	prom     *promql.API
	modules  *module.Registry
	notifier *notify.Notifier
	healer   *remedy.Healer
	policies *policy.Engine
	recall   *recall.Recall
	ingest   *ingest.Ingest
	engine   *wasm.Engine
}

// openTenant builds the river from its mouth to its source, since each stage
// is handed the next one; then it is set flowing.
func (a *App) openTenant(ctx context.Context, name string) (*tenant, error) {
	t := &tenant{engine: a.engine}
	var err error
	log := a.log.With("tenant", name)

	path := filepath.Join(a.o.Config.Data, name, "vigil.db")
	if t.audit, err = a.openAudit(ctx, name, path, log); err != nil {
		return nil, err
	}
	t.db, err = sqlite.Open(ctx, path, sqlite.Options{
		Log: log, Tenant: name, Chain: t.audit.ring.Chain, Tip: t.audit.tip.Note, Now: a.o.Now, WALBytes: int64(a.o.Config.Storage.WALBytes),
		Ballast: cmp.Or(int64(a.o.Config.Storage.Ballast), ballastBytes),
	})
	if err != nil {
		return nil, err
	}
	a.down.add("sqlite", t.db.Close)
	if err := t.audit.admit(ctx, t.db); err != nil {
		return nil, err
	}
	a.down.goes(ctx, "sqlite watch", a.cancel, t.db.Run)

	t.history, err = metrics.Open(ctx, metrics.Disk{Journal: t.db, Archive: t.db, Past: t.db}, a.historyOptions(log))
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	a.down.goes(ctx, "metrics", a.cancel, t.history.Run)
	t.prom = promql.NewAPI(promql.Options{History: t.history, Version: a.o.Version, Now: a.o.Now, Log: log})
	a.down.add("promql", func(context.Context) error { return t.prom.Close() })

	trust, err := module.NewTrust(a.o.Config.Modules.TrustedKeys, a.o.Config.Modules.RequireSignature)
	if err != nil {
		return nil, err
	}
	t.modules = module.New(module.Options{Store: t.db, Checker: a.engine, Trust: trust, Offers: a.offers, Log: log, Now: a.o.Now})
	if err := a.installModules(ctx, t.modules); err != nil {
		return nil, err
	}

	if err := a.openRecall(ctx, t, name); err != nil {
		return nil, err
	}

	if err := a.openNotifier(ctx, t, log); err != nil {
		return nil, err
	}

	t.healer, err = remedy.Open(ctx, remedy.Options{
		Tenant: name, Ledger: announced{t.db, t.notifier}, Actions: t.modules, Spans: a.tel, Now: a.o.Now, Log: log, HostStarted: a.o.Now(), Manual: a.manual(), Fleet: a.fleet(),
	})
	if err != nil {
		return nil, fmt.Errorf("open healer: %w", err)
	}
	a.down.goes(ctx, "remedy", a.cancel, t.healer.Run)

	t.policies, err = policy.Open(ctx, policy.Options{
		Tenant: name, Ledger: ledger{t.db, t.recall, t.notifier}, Guests: guests{a.engine, t.modules, t.recall}, Modules: approved{t.modules}, Selector: promql.Matcher, Queries: t.prom, Settings: schema.Check,
		Treat: t.healer, Spans: a.tel, Now: a.o.Now, Log: log, Engine: EngineName(a.o.Version), Shards: runtime.GOMAXPROCS(0),
		Inventory: t.db, TTL: a.o.Config.TargetTTL.D(), Decommissioned: decommissioned(t.healer),
	})
	if err != nil {
		return nil, fmt.Errorf("open policies: %w", err)
	}
	a.down.goes(ctx, "policy", a.cancel, t.policies.Run)

	t.ingest = ingest.New(ingest.Options{
		Tenant: name, Store: t.history, Sink: sink{t.healer, t.policies}, Limits: a.admits(), Now: a.o.Now, Spans: a.tel,
	})
	return t, nil
}

// retention is how long samples are kept.
func (a *App) retention() time.Duration {
	return cmp.Or(a.o.Config.Storage.Retention.D(), 15*24*time.Hour)
}

// admits is which samples are admitted: history only on demand, and none that
// would be removed at once.
func (a *App) admits() (l ingest.Limits) {
	if a.o.Config.Ingest.AllowBackfill {
		l.Backfill = a.retention()
	}
	return l
}

func (a *App) historyOptions(log *slog.Logger) metrics.Options {
	s := a.o.Config.Storage
	return metrics.Options{
		Retention: a.retention(), MaxBytes: int64(s.MaxBytes), MaxLogBytes: int64(s.LogBytes), ChunkSamples: s.ChunkSamples, MaxSeries: s.MaxSeries,
		Now: a.o.Now, Log: log,
	}
}

// manual is what holds a person's wish back: the default cooldown, but nothing
// on the demo services, which are there to be restarted. A budget that is
// exhausted asks for a person, so it does not hold one.
func (a *App) manual() remedy.Manual {
	m := remedy.DefaultManual()
	if !a.o.Demo {
		m.Guards.Cooldown = vigil.DefaultPolicy().Guards.Cooldown
	}
	return m
}

// serves is what HTTP can reach of a tenant.
func (t *tenant) serves(now func() time.Time) httpd.Tenant {
	mods := library{t.modules, t, t.engine}
	return httpd.Tenant{
		Ingest: t.ingest, History: t.history, Prometheus: t.prom, Policies: t.policies, Effects: effects{t.db, t.policies, now}, Reasons: reasons{t.db, t.policies, inventory{t.healer, t.policies}, now}, Modules: mods, State: mods, Grants: t.modules,
		Remediations: t.healer, Approvals: t.healer, Leases: t.healer, Records: records{t.db, t.audit}, Judgements: t.db,
		Remediators: t.healer, Targets: inventory{t.healer, t.policies}, Breakers: t.healer, Notices: notices{t.notifier, t.db}, KillSwitch: t.healer, Brakes: t.healer,
	}
}

// approved lends policy the registry: what it binds must be trusted now.
type approved struct{ modules *module.Registry }

// Resolve finds a module that may be put to use.
func (a approved) Resolve(ctx context.Context, ref string) (vigil.Module, error) {
	return a.modules.Approved(ctx, ref)
}

// InForce lists what a module is granted now.
func (a approved) InForce(ctx context.Context, digest string) ([]vigil.Grant, error) {
	return a.modules.InForce(ctx, digest)
}

// sink shows each durable batch to those who judge it: the healer, which
// watches services that a person had restarted, and the policies.
type sink struct {
	healer   *remedy.Healer
	policies *policy.Engine
}

// Offer never blocks.
func (s sink) Offer(b *flow.Batch) {
	s.healer.Observe(b)
	s.policies.Offer(b)
}
