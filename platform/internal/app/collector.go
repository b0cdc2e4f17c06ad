package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// defaultTenant is where a loopback request without a credential belongs.
const defaultTenant = "default"

// byVigil is the principal behind what the binary brings along.
const byVigil = "builtin"

func (a *App) startCollector(ctx context.Context, door net.Listener) (err error) {
	unlock, err := sqlite.LockDir(a.o.Config.Data)
	if err != nil {
		return err
	}
	a.down.add("lock", func(context.Context) error { return unlock() })

	if a.home, err = a.openTenant(ctx, defaultTenant); err != nil {
		return err
	}
	a.meter(a.home)
	if err := a.applyPolicies(ctx, a.home); err != nil {
		return err
	}
	a.down.goes(ctx, "bind", a.cancel, a.home.bind)
	server := httpd.New(httpd.Options{
		Tenants: func(name string) (httpd.Tenant, bool) {
			if name != defaultTenant {
				return httpd.Tenant{}, false
			}
			return a.home.serves(a.o.Now), true
		},
		Hosts:   a.hosts(),
		YAML:    func(doc []byte) ([]byte, error) { return config.PolicyJSON("policy", doc) },
		Ready:   func(ctx context.Context) error { return a.home.db.Ready(ctx) },
		Metrics: a.metrics,
		Spans:   a.tel,
		Log:     a.log,
		Now:     a.o.Now,
		Version: a.o.Version,
	})
	a.down.goes(ctx, "collector", a.cancel, func(ctx context.Context) error { return server.Serve(ctx, door) })
	return nil
}

// hosts are the names by which requests may call this process.
func (a *App) hosts() []string {
	return append([]string{"localhost", "127.0.0.1", "::1"}, a.o.Config.Hosts...)
}

// installModules uploads the modules that the binary carries, which grants each
// what it asks for; both are audited. A digest that is already there is left
// alone.
func (a *App) installModules(ctx context.Context, reg *module.Registry) error {
	mods, err := builtin.Modules()
	if err != nil {
		return fmt.Errorf("read built-in modules: %w", err)
	}
	if len(mods) == 0 {
		a.log.WarnContext(ctx, "this binary carries no modules; build it with ./scripts/build", "component", "module")
	}
	for _, m := range mods {
		if _, _, err := reg.Upload(ctx, flow.Upload{By: byVigil, Wasm: m.Wasm, BuiltIn: true}); err != nil {
			return fmt.Errorf("install module %s: %w", m.Name, err)
		}
	}
	return nil
}

// applyPolicies applies the demo's policies where the demo runs, removes them
// where it does not, and then applies the files that the configuration names.
func (a *App) applyPolicies(ctx context.Context, t *tenant) error {
	have, err := t.policies.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range have {
		if row.AppliedBy == byVigil && !a.o.Demo {
			if err := t.policies.Delete(ctx, byVigil, row.Name); err != nil {
				return err
			}
		}
	}
	if a.o.Demo {
		if err := applyDemo(ctx, t); err != nil {
			return err
		}
	}
	return a.applyFiles(ctx, t)
}

func applyDemo(ctx context.Context, t *tenant) error {
	if mods, err := builtin.Modules(); err != nil || len(mods) == 0 {
		return err // said at the installation of modules
	}
	docs, err := demoPolicies()
	if err != nil {
		return err
	}
	for _, p := range docs {
		if _, err := t.policies.Get(ctx, p.Name); err == nil {
			continue // a person may have changed it since
		}
		if _, _, err := t.policies.Apply(ctx, byVigil, p); err != nil {
			return fmt.Errorf("apply policy %s: %w", p.Name, err)
		}
	}
	return nil
}

func (a *App) applyFiles(ctx context.Context, t *tenant) error {
	if a.o.Config.Policies == "" {
		return nil
	}
	files, err := filepath.Glob(a.o.Config.Policies)
	if err == nil && len(files) == 0 {
		err = errors.New("no such file")
	}
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "config_invalid", "policies: %s: %v", a.o.Config.Policies, err)
	}
	slices.Sort(files)
	policies, docs := make([]vigil.Policy, len(files)), make([][]byte, len(files))
	for i, file := range files { // all of them before the first is in force
		if policies[i], docs[i], err = config.PolicyFile(file); err != nil {
			return err
		}
	}
	for i, file := range files {
		if _, _, err := t.policies.Apply(ctx, "config:"+filepath.Base(file), policies[i]); err != nil {
			return fmt.Errorf("apply %s: %w", file, config.Pointed(file, docs[i], err))
		}
	}
	return nil
}
