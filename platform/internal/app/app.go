package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/telemetry"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
)

// Options say which roles one process plays.
type Options struct {
	Config     config.Config
	Collector  bool
	Remediator bool
	Agent      bool
	Demo       bool     // start the demo services and apply the policies that heal them
	Self       string   // path of this binary, which the demo services run
	Cache      string   // folder of compiled modules
	Compiler   []string // command of a process that compiles uploads
	Version    string
	Log        *slog.Logger
	Now        func() time.Time
}

// App is a started process.
type App struct {
	CollectorURL  string // "" without that role
	RemediatorURL string

	o        Options
	log      *slog.Logger
	tel      *telemetry.Telemetry
	engine   *wasm.Engine
	services *capability.Services
	home     *tenant // "default", the only tenant until others can be made

	down   teardown
	ctx    context.Context //nolint:containedctx // ends when the process must: it is the app's own life, not a caller's
	cancel context.CancelCauseFunc
}

// Start starts the roles in the order in which a sample flows through them.
// What was started before a failure is stopped again.
func Start(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{o: o, log: o.Log, down: teardown{log: o.Log}}
	a.ctx, a.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			stop, done := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer done()
			_ = a.down.run(stop) // the failure that began it is the one to tell
		}
	}()
	doors, err := a.openDoors(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.observe(ctx); err != nil {
		return nil, err
	}
	if err := a.openEngine(ctx); err != nil {
		return nil, err
	}
	if o.Collector {
		if err := a.startCollector(ctx, doors.collector); err != nil {
			return nil, err
		}
	}
	if o.Remediator {
		if err := a.startRemediator(ctx, doors.remediator); err != nil {
			return nil, err
		}
	}
	if o.Agent {
		a.startAgent()
	}
	a.down.goes(ctx, "settle", a.cancel, settle)
	return a, nil
}

// settle gives back, once, what a start needed and running does not: compiling
// guests and replaying the log take several times the memory of both.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-time.After(3 * time.Second):
		debug.FreeOSMemory()
	}
	return nil
}

const (
	// grace is how long a stop may take that nobody asked for.
	grace = 5 * time.Second
	// parting is how long any other stop may take: requests drain, chunks are
	// sealed, and an action under way ends, since a restart that is cut in half
	// leaves its service down.
	parting = 20 * time.Second
)

// Failed is closed when the process cannot go on; Cause says why.
func (a *App) Failed() <-chan struct{} { return a.ctx.Done() }

// Cause is why the process cannot go on, nil while it can.
func (a *App) Cause() error { return context.Cause(a.ctx) }

// Stop stops everything, newest first, within twenty seconds; within five when
// the process cannot go on.
func (a *App) Stop(ctx context.Context) error {
	limit := parting
	if a.Cause() != nil {
		limit = grace
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer done()
	defer a.cancel(nil)
	return a.down.run(stop)
}

// doors are the sockets, opened first so that a port in use costs nothing else.
type doors struct{ collector, remediator net.Listener }

func (a *App) openDoors(ctx context.Context) (d doors, err error) {
	if a.o.Collector {
		if d.collector, err = a.listen(ctx, "collector", a.o.Config.Listen, "--listen"); err != nil {
			return d, err
		}
		a.CollectorURL = "http://" + d.collector.Addr().String()
	} else {
		a.CollectorURL = a.o.Config.Remediator.Collector
	}
	if a.o.Remediator {
		if d.remediator, err = a.listen(ctx, "remediator", a.o.Config.Remediator.Listen, "--remediator-listen"); err != nil {
			return d, err
		}
		a.RemediatorURL = "http://" + d.remediator.Addr().String()
	}
	return d, nil
}

func (a *App) observe(ctx context.Context) (err error) {
	a.tel, err = telemetry.New(ctx, telemetry.Options{
		Endpoint: a.o.Config.Trace.Endpoint,
		Version:  a.o.Version,
		Log:      a.log,
	})
	if err != nil {
		return fmt.Errorf("start telemetry: %w", err)
	}
	a.down.add("telemetry", a.tel.Close)
	return nil
}

// metrics renders the self-metrics in Prometheus' text format.
func (a *App) metrics() (contentType string, body []byte) {
	text, err := a.tel.Metrics()
	if err != nil {
		a.log.Error("self-metrics not rendered", "component", "telemetry", "err", err)
	}
	return telemetry.MetricsType, text
}

func (a *App) openEngine(ctx context.Context) (err error) {
	a.engine, err = wasm.New(ctx, wasm.Options{
		CacheDir: a.o.Cache, Log: a.log, MostMemory: a.o.Config.Modules.Memory,
		Compiler: wasm.Compiler{Command: a.o.Compiler, Time: a.o.Config.Modules.CompileTime.D()},
	})
	if err != nil {
		return err
	}
	a.down.add("wasm", a.engine.Close)
	a.meterModules()
	return nil
}

// DataDir is where this process keeps its state.
func (a *App) DataDir() string { return a.o.Config.Data }

// HasDemo reports whether the demo services run here.
func (a *App) HasDemo() bool { return a.o.Demo }
