package capability

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options are what Services needs beside the configuration.
type Options struct {
	StateDir string // records and output of supervised services; made if missing, mode 0700
	Log      *slog.Logger
	Now      func() time.Time
}

// Services are the services this host's remediator may touch.
type Services struct {
	byName  map[string]*service // never changed
	started chan struct{}       // closed by Run once every ephemeral service was started
}

// NewServices checks every configuration and takes back the supervised
// services that an earlier Vigil left running. It starts nothing.
func NewServices(configs map[string]ServiceConfig, o Options) (*Services, error) {
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make service state directory: %w", err)
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	all := &Services{byName: make(map[string]*service, len(configs)), started: make(chan struct{})}
	for name, c := range configs {
		if all.byName[name], err = newService(name, c, boot, o); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Services) named(name string) (*service, error) {
	if one, ok := s.byName[name]; ok {
		return one, nil
	}
	known := strings.Join(slices.Sorted(maps.Keys(s.byName)), ", ")
	if known == "" {
		known = "none"
	}
	return nil, vigil.Errorf(vigil.NotFound, "service_unknown", "no service %q; have: %s", name, known)
}

// Status says how a service stands, without waiting for a verb under way.
func (s *Services) Status(name string) (vigil.ServiceStatus, error) {
	one, err := s.named(name)
	if err != nil {
		return vigil.ServiceStatus{}, err
	}
	return one.status()
}

// List returns the status of every service, by name. One whose status cannot
// be told counts as down.
func (s *Services) List() []vigil.ServiceStatus {
	out := make([]vigil.ServiceStatus, 0, len(s.byName))
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		st, _ := s.byName[name].status() // its error is told to whoever asks for this service
		out = append(out, st)
	}
	return out
}

// Start brings a service up and returns once it is; one that is up stays as it
// is. Here and below, may is asked when it is this verb's turn, and its error
// keeps the verb from beginning.
func (s *Services) Start(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error) {
	return s.do(ctx, name, (*service).start, may)
}

// Stop brings a service down and returns once it is.
func (s *Services) Stop(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error) {
	return s.do(ctx, name, (*service).stop, may)
}

// Restart stops a service and starts it; up again, it has another pid.
func (s *Services) Restart(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error) {
	return s.do(ctx, name, func(one *service) error {
		if err := program.Check(one.cfg.Start[0]); err != nil {
			return err // what cannot be started again is not stopped
		}
		if err := one.stop(); err != nil {
			return err
		}
		return one.start()
	}, may)
}

// Reload asks a service to read its configuration again; its pid stays.
func (s *Services) Reload(ctx context.Context, name string, may ...func() error) (vigil.ServiceStatus, error) {
	return s.do(ctx, name, (*service).reload, may)
}

func (s *Services) do(ctx context.Context, name string, deed func(*service) error, may []func() error) (vigil.ServiceStatus, error) {
	one, err := s.named(name)
	if err != nil {
		return vigil.ServiceStatus{}, err
	}
	return one.do(ctx, func() error { return deed(one) }, may...)
}

// Started is closed once Run has started every ephemeral service, or tried to.
func (s *Services) Started() <-chan struct{} { return s.started }

// attendEvery is how often dead children are looked for between verbs.
const attendEvery = 500 * time.Millisecond

// Run starts the ephemeral services, looks after all of them until ctx ends,
// and stops the ephemeral ones. All others go on without Vigil.
func (s *Services) Run(ctx context.Context) error {
	var ephemeral, starting sync.WaitGroup
	for _, one := range s.byName {
		if one.cfg.Ephemeral {
			starting.Add(1)
			ephemeral.Go(func() { one.live(ctx, starting.Done) })
		}
	}
	ephemeral.Go(func() {
		starting.Wait()
		close(s.started)
	})
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			for _, one := range s.byName {
				one.attend()
			}
		case <-ctx.Done():
		}
	}
	ephemeral.Wait()
	return nil
}

// live is the life of an ephemeral service: what an earlier Vigil left is
// ended, a new one is started, and when ctx ends it is stopped for good.
func (s *service) live(ctx context.Context, started func()) {
	_, err := s.do(ctx, func() error {
		if err := s.stop(); err != nil {
			return err
		}
		return s.start()
	})
	started()
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "service not started", "err", err)
	}
	<-ctx.Done()
	s.mu.Lock()
	s.shut = true
	s.mu.Unlock()
	if _, err := s.do(context.WithoutCancel(ctx), s.stop); err != nil {
		s.log.ErrorContext(ctx, "service not stopped", "err", err)
	}
}
