package app

import (
	"context"
	"path/filepath"

	"github.com/techmedaddy/vigil/agent"
	"github.com/techmedaddy/vigil/agent/probe"
)

// startAgent starts the built-in eyes. They speak HTTP to the collector like
// any other agent.
func (a *App) startAgent() {
	conf := agent.Config{
		Collector: a.CollectorURL,
		Host:      a.o.Config.Remediator.Host,
		Spool:     filepath.Join(a.o.Config.Data, "spool"),
		Interval:  a.o.Config.Agent.Interval.D(),
		Services:  a.watched,
		Log:       a.log,
		Now:       a.o.Now,
	}
	a.down.goes(a.ctx, "agent", a.cancel, func(ctx context.Context) error { return agent.Run(ctx, conf) })
}

// watched are the services of this host's remediator with their pids, 0 for
// what is down.
func (a *App) watched() []probe.Service {
	if a.services == nil {
		return nil
	}
	var out []probe.Service
	for _, s := range a.services.List() {
		out = append(out, probe.Service{Name: s.Service, PID: s.PID})
	}
	return out
}
