package remediator

import (
	"context"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	// silence is how many heartbeats' time may pass unanswered before the lease
	// counts as lost. Beats go out twice as often as asked for.
	silence = 3
	// drain is how long an action under way may go on when the remediator stops:
	// long enough for a restart, which is better finished than cut in half.
	drain = 10 * time.Second
)

// hold is a lease that this host has begun to serve.
type hold struct {
	lease flow.Lease
	r     *Remediator
	lose  context.CancelCauseFunc
	work  sync.WaitGroup

	mu       sync.Mutex
	answered time.Time     // guarded by mu; when the newest answered heartbeat was sent
	grants   []vigil.Grant // guarded by mu; by the newest answer
}

// hold begins to keep the lease, which has just arrived. The context it returns
// lives until the lease is lost or released, and its cause says why; the end of
// ctx only begins a drain.
func (r *Remediator) hold(ctx context.Context, l flow.Lease) (context.Context, *hold) {
	h := &hold{lease: l, r: r, answered: r.o.Now(), grants: l.Grants}
	run, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	h.lose = lose
	h.work.Go(func() { h.keep(run) })
	h.work.Go(func() { h.drain(run, ctx.Done()) })
	return run, h
}

// release gives the lease up and returns when nothing is left of it.
func (h *hold) release() {
	h.lose(nil)
	h.work.Wait()
}

// holds says why no further effect is allowed, nil if it is. The time of the
// last answer is looked at here too: a process that was stopped and goes on
// must not win against its own timers.
func (h *hold) holds(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := h.heard(); err != nil {
		return err
	}
	return h.r.fences.holds(h.lease.Target, h.lease.Fence)
}

func (h *hold) heard() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since := h.r.o.Now().Sub(h.answered); since > silence*h.every() {
		return vigil.Errorf(vigil.Timeout, "lease_lost", "the collector has answered no heartbeat for %s", since.Round(time.Millisecond))
	}
	return nil
}

func (h *hold) every() time.Duration { return max(h.lease.Heartbeat.D(), 20*time.Millisecond) }

// keep sends heartbeats until the hold ends, and ends it when the lease is gone.
func (h *hold) keep(ctx context.Context) {
	for sleep(ctx, h.every()/2) {
		if err := h.ask(ctx, h.every()); err != nil {
			h.lose(err)
			return
		}
	}
}

// granted is what the module is granted at this moment, by the collector's word,
// so that one who takes a grant back need not wait for the action to end. A
// collector that cannot be asked leaves what it said last, for as long as the
// lease lasts without it.
func (h *hold) granted(ctx context.Context) []vigil.Grant {
	if err := h.ask(ctx, min(h.every(), consent)); err != nil {
		h.lose(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.grants
}

// ask sends one heartbeat, waits so long for the answer, and says why the lease
// is gone, nil if it is not.
func (h *hold) ask(ctx context.Context, patience time.Duration) error {
	sent := h.r.o.Now()
	one, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now, err := h.r.o.Collector.Heartbeat(one, h.lease)
	switch {
	case err == nil && now.Cancel:
		return vigil.Errorf(vigil.Held, "cancelled", "the collector asked to stop")
	case err == nil:
		h.renew(sent, now)
		return nil
	case final(err):
		return vigil.Errorf(vigil.Conflict, "lease_lost", "the collector no longer knows this lease")
	}
	return h.heard()
}

// renew keeps the answer to the heartbeat that was sent then, unless a newer one
// was answered already.
func (h *hold) renew(sent time.Time, now flow.Renewal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sent.Before(h.answered) {
		return
	}
	h.answered = sent
	if now.Grants != nil {
		h.grants = now.Grants
	}
}

// drain lets the action go on for a while after the remediator began to stop.
func (h *hold) drain(ctx context.Context, stopping <-chan struct{}) {
	select {
	case <-stopping:
	case <-ctx.Done():
		return
	}
	if sleep(ctx, drain) {
		h.lose(vigil.Errorf(vigil.Busy, "shutting_down", "the remediator is stopping"))
	}
}
