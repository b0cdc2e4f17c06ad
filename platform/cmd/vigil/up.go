package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/app"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/telemetry"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// daemon holds the flags that the daemons share; "" leaves the configuration's
// value.
type daemon struct {
	data, listen, hands, collector, host, log, pause string

	interval vigil.Duration
	insecure bool
	backfill bool
}

func (d *daemon) flags(cmd *cobra.Command, collector, hands bool) {
	f := cmd.Flags()
	f.StringVar(&d.data, "data", "", "`directory` of all state (default $XDG_DATA_HOME/vigil)")
	f.StringVar(&d.host, "host", "", "this host's `name` in targets (default the machine's)")
	f.StringVar(&d.log, "log", "", "log from this `level`: debug, info, warn, error (default warn)")
	f.BoolVar(&d.insecure, "insecure-bind", false, "allow addresses that are not loopback, although nothing is encrypted")
	if collector {
		f.StringVar(&d.listen, "listen", "", "collector's `HOST:PORT` (default 127.0.0.1:8000)")
		f.BoolVar(&d.backfill, "allow-backfill", false, "store samples of the last 15 days too, which no policy judges")
	}
	if hands {
		f.StringVar(&d.hands, "remediator-listen", "", "remediator's `HOST:PORT` (default 127.0.0.1:8081)")
		f.StringVar(&d.pause, "pause-file", "", "while this `file` exists the remediator begins nothing (default DATA/remediator/pause)")
	}
}

// over lays the flags over the file and the environment.
func (d *daemon) over(c *config.Config) {
	set := func(field *string, flag string) {
		if flag != "" {
			*field = flag
		}
	}
	set(&c.Data, d.data)
	set(&c.Listen, d.listen)
	set(&c.Remediator.Listen, d.hands)
	set(&c.Remediator.Collector, d.collector)
	set(&c.Remediator.Host, d.host)
	set(&c.Remediator.PauseFile, d.pause)
	set(&c.Log, d.log)
	c.Insecure = c.Insecure || d.insecure
	c.Ingest.AllowBackfill = c.Ingest.AllowBackfill || d.backfill
	if d.interval != 0 {
		c.Agent.Interval = d.interval
	}
}

// start starts the roles that o names, with the configuration in force.
func (c *cli) start(ctx context.Context, d *daemon, o app.Options) (*app.App, error) {
	conf, err := config.Load(c.file, os.Getenv)
	if err != nil {
		return nil, err
	}
	d.over(&conf)
	if conf.Remediator.Collector == "" {
		conf.Remediator.Collector = c.server
	}
	if o.Demo {
		o.Demo = len(conf.Services) == 0
	}
	log, err := c.logger(conf.Log)
	if err != nil {
		return nil, err
	}
	if err := conf.Check(); err != nil { // again: the flags lie over it now
		return nil, err
	}
	if conf.Data, err = filepath.Abs(conf.Data); err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	if p := &conf.Remediator.PauseFile; *p != "" {
		if *p, err = filepath.Abs(*p); err != nil {
			return nil, fmt.Errorf("find pause file: %w", err)
		}
	}
	if o.Self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	o.Compiler = []string{o.Self, compileCommand}
	if o.Cache, err = cacheDir(); err != nil {
		return nil, err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a daemon is judged by what it holds while idle; garbage is rare on the hot path
	}
	o.Config, o.Version, o.Log, o.Now = conf, versionString(), log, time.Now
	slow := time.AfterFunc(patience, func() {
		fmt.Fprintln(c.err, "starting; modules are compiled once and then kept in", o.Cache)
	})
	defer slow.Stop()
	return app.Start(ctx, o)
}

// patience is how long a person waits before wondering.
const patience = 500 * time.Millisecond

func (c *cli) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usageError{fmt.Errorf("log level %q: want debug, info, warn or error", level)}
	}
	return telemetry.NewLogger(c.err, l, false), nil
}

// cacheDir is where compiled modules are kept. They depend on nothing but the
// module's bytes, so that all data directories share them.
func cacheDir() (string, error) {
	if dir := os.Getenv("VIGIL_CACHE"); dir != "" {
		return dir, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", vigil.Errorf(vigil.Invalid, "cache_missing", "no cache directory: %v", err).
			Hinted("set VIGIL_CACHE to a directory")
	}
	return filepath.Join(base, "vigil", "modules"), nil
}

// serve runs a started process until it is told to stop or cannot go on.
func serve(ctx context.Context, a *app.App) error {
	select {
	case <-ctx.Done():
		return a.Stop(ctx)
	case <-a.Failed():
		cause := a.Cause()
		_ = a.Stop(ctx) // why it failed is the news
		return cause
	}
}

func (c *cli) up() *cobra.Command {
	var d daemon
	var noDemo, noAgent, once bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process: collector, remediator and agent",
		Long: `Run a collector, a remediator and an agent in one process.

Without services in the configuration two demo services, web and backend, run
too: small real processes that vigil demo can make misbehave.`,
		Example: `  vigil up
  vigil up --once                       heal a burning service, print the story, exit
  vigil up --config vigil.yaml          look after the services named there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.start(cmd.Context(), &d, app.Options{
				Collector: true, Remediator: true, Agent: !noAgent, Demo: !noDemo || once,
			})
			if err != nil {
				return err
			}
			if once {
				return c.once(cmd.Context(), a)
			}
			c.welcome(a)
			return serve(cmd.Context(), a)
		},
	}
	d.flags(cmd, true, true)
	f := cmd.Flags()
	f.BoolVar(&noDemo, "no-demo", false, "start no demo services")
	f.BoolVar(&noAgent, "no-agent", false, "start no agent")
	f.BoolVar(&once, "once", false, "let a demo service burn, heal it, print the story, exit")
	f.TextVar(&d.interval, "interval", vigil.Duration(0), "agent's `interval`, for example 5s")
	return cmd
}

// welcome says where everything is and what to try first.
func (c *cli) welcome(a *app.App) {
	say := func(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }
	say("vigil %s is up", versionString())
	say("  collector   %s", a.CollectorURL)
	say("  remediator  %s", a.RemediatorURL)
	say("  data        %s", a.DataDir())
	if a.HasDemo() {
		say("try, in another terminal:")
		if a.CollectorURL != usualServer {
			say("  export VIGIL_SERVER=%s", a.CollectorURL)
		}
		say("  vigil demo burn backend")
		say("  vigil remediation show")
	}
}
