package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/remediator"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// far is the collector as a remediator needs it: the healer in this process, or
// a client of its HTTP interface.
type far interface {
	remediator.Collector
	remediator.Requester
}

func (a *App) startRemediator(ctx context.Context, door net.Listener) error {
	dir := filepath.Join(a.o.Config.Data, "remediator")
	unlock, err := sqlite.LockDir(dir)
	if err != nil {
		return err
	}
	a.down.add("remediator lock", func(context.Context) error { return unlock() })

	a.services, err = capability.NewServices(a.serviceConfigs(dir), capability.Options{
		StateDir: filepath.Join(dir, "services"), Log: a.log, Now: a.o.Now,
	})
	if err != nil {
		return err
	}
	a.down.goes(ctx, "services", a.cancel, a.services.Run)
	select { // so that the first sample does not find the demo services down
	case <-a.services.Started():
	case <-ctx.Done():
		return context.Cause(ctx)
	}

	endpoints, commands, err := a.outside()
	if err != nil {
		return err
	}
	collector, actions, err := a.hands()
	if err != nil {
		return err
	}
	if a.home != nil {
		a.down.goes(ctx, "warm", a.cancel, func(ctx context.Context) error {
			a.home.warm(ctx, actions)
			return nil
		})
	}
	broker := capability.NewBroker(capability.BrokerOptions{
		Services: a.services, Endpoints: endpoints, Commands: commands, Asks: a.asks(),
		Budgets: filepath.Join(dir, "budgets"), Allows: module.Allows, Emit: a.tel.Emit, Log: a.log, Now: a.o.Now,
	})
	host := a.o.Config.Remediator.Host
	r, err := remediator.New(remediator.Options{
		ID: remediatorID(a.o.Config), Host: host, Labels: a.o.Config.Remediator.Labels, DataDir: dir, PauseFile: a.o.Config.Remediator.PauseFile,
		Collector: collector, Actions: actions, Services: a.services,
		Broker: func(l flow.Lease, trace flow.SpanContext, holds func() error, granted func() []vigil.Grant) remediator.Session {
			return broker.ForLease(l, trace, holds, granted)
		},
		Emit: a.tel.Emit, Now: a.o.Now, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.down.goes(ctx, "remediator", a.cancel, r.Run)

	server := httpd.NewRemediator(httpd.RemediatorOptions{ //nolint:contextcheck // a request brings its own
		Options: httpd.Options{Hosts: a.hosts(), Metrics: a.metrics, Spans: a.tel, Log: a.log, Now: a.o.Now, Version: a.o.Version},
		Remediate: func(ctx context.Context, service, action, by, trace string) (httpd.RemediateAnswer, error) {
			done, err := r.Remediate(ctx, collector, service, action, by, trace)
			return httpd.RemediateAnswer{Status: done.Status, Remediation: done.Remediation, TookMS: done.Took.Milliseconds()}, err
		},
	})
	a.down.goes(ctx, "remediator door", a.cancel, func(ctx context.Context) error { return server.Serve(ctx, door) })
	return nil
}

// serviceConfigs are the services of the configuration, or the demo's.
func (a *App) serviceConfigs(dir string) map[string]capability.ServiceConfig {
	if a.o.Demo {
		return a.demoServices(dir)
	}
	return converted(a.o.Config.Services, driven)
}

// hands joins a remediator to its collector: in this process directly, or over
// HTTP.
func (a *App) hands() (far, *actions, error) {
	if a.home != nil {
		return a.home.healer, newActions(a.engine, a.home.modules.Bytes), nil
	}
	c, err := client.New(a.o.Config.Remediator.Collector, client.Options{UserAgent: "vigil-remediator/" + a.o.Version})
	if err != nil {
		return nil, nil, err
	}
	return c, newActions(a.engine, c.ModuleBytes), nil
}

// actions lends a remediator the sandbox. What comes from afar is kept only if
// it is what its digest says.
type actions struct {
	engine *wasm.Engine
	fetch  func(ctx context.Context, digest string) ([]byte, error)
}

func newActions(engine *wasm.Engine, fetch func(context.Context, string) ([]byte, error)) *actions {
	return &actions{engine: engine, fetch: fetch}
}

func (a *actions) bytes(ctx context.Context, digest string) func() ([]byte, error) {
	return func() ([]byte, error) {
		wasm, err := a.fetch(ctx, digest)
		if err != nil {
			return nil, fmt.Errorf("fetch module %.19s: %w", digest, err)
		}
		if sum := sha256.Sum256(wasm); "sha256:"+hex.EncodeToString(sum[:]) != digest {
			return nil, vigil.Errorf(vigil.Invalid, "module_digest", "module %.19s: its bytes have another digest", digest)
		}
		return wasm, nil
	}
}

// Prepare compiles a module and keeps a pristine instance ready.
func (a *actions) Prepare(ctx context.Context, digest string) error {
	return a.engine.Prepare(ctx, digest, a.bytes(ctx, digest))
}

// Run runs the lease's module once.
func (a *actions) Run(ctx context.Context, l flow.Lease, in vigil.ActionInput, calls remediator.Caller) (vigil.ActionOutput, []string, error) {
	return a.engine.RunAction(ctx, l.Digest, a.bytes(ctx, l.Digest), in, calls)
}
