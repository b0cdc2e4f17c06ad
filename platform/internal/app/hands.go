package app

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/platform/internal/capability/command"
	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Check reports the first thing in a configuration that a process could not
// start with: its services, endpoints, commands and channels. The error names
// the field by its path in the file.
func Check(c config.Config) error {
	if err := each("services", c.Services, func(name string, s config.Service) error { return driven(s).Check(name) }); err != nil {
		return err
	}
	if err := each("endpoints", c.Endpoints, func(name string, e config.Endpoint) error { return reached(e).Check(name) }); err != nil {
		return err
	}
	if err := each("commands", c.Commands, func(name string, d config.Command) error { return commanded(d).Check(name) }); err != nil {
		return err
	}
	return checkNotify(c.Notify)
}

// offers is what a grant may name as far as this collector knows: the services
// of all remediators that have said theirs, and the endpoints and commands of
// the one in this process.
func (a *App) offers(ctx context.Context) (module.Offers, error) {
	hands, err := a.home.healer.Remediators(ctx)
	if err != nil {
		return module.Offers{}, fmt.Errorf("list remediators: %w", err)
	}
	own := remediatorID(a.o.Config)
	known := module.Offers{Whole: a.o.Remediator}
	for _, r := range hands {
		known.Whole = known.Whole && r.ID == own
		for _, s := range r.Services {
			known.Targets = append(known.Targets, "service:"+s.Service)
		}
	}
	if a.o.Remediator {
		for name := range a.o.Config.Endpoints {
			known.Targets = append(known.Targets, "endpoint:"+name)
		}
		for name := range a.o.Config.Commands {
			known.Targets = append(known.Targets, "command:"+name)
		}
	}
	return known, nil
}

// remediatorID is how the remediator of a configuration is called.
func remediatorID(c config.Config) string { return "remediator-" + c.Remediator.Host }

// each checks the entries of one section in the order of their names.
func each[C any](section string, entries map[string]C, check func(name string, c C) error) error {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if err := check(name, entries[name]); err != nil {
			e := *vigil.AsError(err)
			path := section + "." + name
			if field, ok := e.Fields["field"].(string); ok && field != "name" {
				path += "." + field
			}
			e.Fields = map[string]any{"field": path}
			return &e
		}
	}
	return nil
}

// outside opens what this host's actions may be granted beside services.
func (a *App) outside() (*egress.Endpoints, *command.Commands, error) {
	endpoints, err := egress.New(converted(a.o.Config.Endpoints, reached), nil)
	if err != nil {
		return nil, nil, err
	}
	commands, err := command.New(converted(a.o.Config.Commands, commanded), command.Options{Secrets: endpoints.Secrets, Now: a.o.Now})
	return endpoints, commands, err
}

func converted[A, B any](entries map[string]A, as func(A) B) map[string]B {
	out := make(map[string]B, len(entries))
	for name, entry := range entries {
		out[name] = as(entry)
	}
	return out
}

func driven(s config.Service) capability.ServiceConfig {
	return capability.ServiceConfig{
		Driver: s.Driver, Start: s.Start, Pidfile: s.Pidfile,
		Stop: capability.StopConfig(s.Stop), Reload: capability.ReloadConfig(s.Reload),
		StartTimeout: s.StartTimeout, Env: s.Env, Dir: s.Dir, Unit: s.Unit, Container: s.Container,
	}
}

func reached(e config.Endpoint) egress.Config {
	return egress.Config{
		URL: e.URL, Methods: e.Methods, Path: e.Path, RequestHeaders: e.RequestHeaders, HeaderFiles: e.HeaderFiles,
		BearerTokenFile: e.BearerTokenFile, Basic: egress.Basic(e.Basic), Timeout: e.Timeout, AllowPrivate: e.AllowPrivate, CAFile: e.CAFile,
	}
}

func commanded(c config.Command) command.Config {
	return command.Config{
		Argv: c.Argv, Args: converted(c.Args, func(a config.Arg) command.Arg { return command.Arg(a) }),
		Timeout: c.Timeout, Env: c.Env, Dir: c.Dir, RootEquivalent: c.RootEquivalent,
	}
}
