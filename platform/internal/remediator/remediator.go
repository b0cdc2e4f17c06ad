package remediator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	registerEvery = 30 * time.Second
	lookForChange = 500 * time.Millisecond
	lookForPause  = 250 * time.Millisecond
)

// Remediator leases remediations and runs their actions.
type Remediator struct {
	o      Options
	fences *fences
	outbox outbox
	again  chan struct{} // wakes the registration, holds at most one token
}

// New prepares the data directory. Nothing runs before Run.
func New(o Options) (*Remediator, error) {
	o = o.withDefaults()
	o.Log = o.Log.With("component", "remediator")
	fenceDir, reportDir := filepath.Join(o.DataDir, "fence"), filepath.Join(o.DataDir, "reports")
	for _, dir := range []string{fenceDir, reportDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make remediator data directory: %w", err)
		}
	}
	return &Remediator{o: o, fences: &fences{dir: fenceDir}, outbox: outbox(reportDir), again: make(chan struct{}, 1)}, nil
}

// Run registers, sends what an earlier life could not, and treats leases until
// ctx ends and every action under way has ended and been reported.
func (r *Remediator) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	told, err := r.register(ctx)
	work.Go(func() { r.keepRegistered(ctx, told, err) })
	work.Go(func() { r.resend(ctx) })
	slots := make(chan struct{}, r.o.Concurrency)
	retry := backoff{}
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		lease, err := r.next(ctx)
		switch {
		case ctx.Err() != nil && lease == nil:
			return nil
		case err != nil:
			r.o.Log.WarnContext(ctx, "no lease to be had, will try again", "err", err)
			r.askToRegister()
			retry.wait(ctx)
		default:
			retry.reset()
		}
		if lease == nil {
			<-slots
			continue
		}
		work.Go(func() {
			defer func() { <-slots }()
			r.treat(ctx, *lease)
		})
	}
}

// next waits while paused and then asks once for work.
func (r *Remediator) next(ctx context.Context) (*flow.Lease, error) {
	if p := r.pause(); p != nil {
		r.o.Log.WarnContext(ctx, "paused by a file, nothing is begun until it is gone", "path", p.Path, "reason", p.Reason)
	}
	for r.pause() != nil {
		if !sleep(ctx, lookForPause) {
			return nil, nil
		}
	}
	return r.o.Collector.Lease(ctx, r.o.ID, r.o.Wait)
}

// register tells the collector how things stand here, and returns what it told.
func (r *Remediator) register(ctx context.Context) (told vigil.Remediator, err error) {
	told = vigil.Remediator{
		ID: r.o.ID, Host: r.o.Host, Labels: r.o.Labels, Services: r.o.Services.List(), SeenAt: r.o.Now(), Paused: r.pause(),
	}
	return told, r.o.Collector.Register(ctx, told)
}

// keepRegistered repeats the registration now and then, when a service or the
// pause changed, whenever the collector seems to have forgotten, and soon when it
// did not answer.
func (r *Remediator) keepRegistered(ctx context.Context, told vigil.Remediator, err error) {
	look := time.NewTicker(lookForChange)
	defer look.Stop()
	retry := backoff{}
	for {
		if err != nil {
			r.o.Log.WarnContext(ctx, "registration failed, will try again", "err", err)
			if !retry.wait(ctx) {
				return
			}
		} else if retry.reset(); !r.stale(ctx, look.C, told) {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		told, err = r.register(ctx)
	}
}

// stale waits for the next look and reports whether the collector should hear
// anew.
func (r *Remediator) stale(ctx context.Context, look <-chan time.Time, told vigil.Remediator) bool {
	select {
	case <-look:
		return !slices.EqualFunc(r.o.Services.List(), told.Services, sameService) || !samePause(r.pause(), told.Paused) ||
			r.o.Now().Sub(told.SeenAt) >= registerEvery
	case <-r.again:
		return true
	case <-ctx.Done():
		return true
	}
}

// sameService reports whether a collector need not hear of the difference.
func sameService(a, b vigil.ServiceStatus) bool {
	return a.Service == b.Service && a.Up == b.Up && a.PID == b.PID && a.URL == b.URL
}

func (r *Remediator) askToRegister() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}
