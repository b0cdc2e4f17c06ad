package remedy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Ledger keeps remediations, what guards remember and the audit record. Apply
// writes a change whole or not at all, and refuses one that does not follow
// what is stored.
type Ledger interface {
	LoadTreatment(ctx context.Context) (flow.Treatment, error)
	Apply(ctx context.Context, c flow.Change) error
	Remediation(ctx context.Context, id string) (vigil.Remediation, error)
	Remediations(ctx context.Context, f flow.RemediationFilter) ([]vigil.Remediation, error)
}

// Actions says what the name of an action means now: which module, and what it
// is granted.
type Actions interface {
	Action(ctx context.Context, ref string) (vigil.Module, []vigil.Grant, error)
}

// Spans takes finished spans for export; it never blocks.
type Spans interface {
	Emit(spans ...flow.Span)
}

// Options are what a healer needs.
type Options struct {
	Tenant      string
	Ledger      Ledger
	Actions     Actions
	Spans       Spans // nil: spans are dropped
	Now         func() time.Time
	Log         *slog.Logger
	HostStarted time.Time // warm-up counts from it; zero: now
	Manual      Manual    // zero: DefaultManual
	Fleet       Fleet
}

// Healer treats the episodes of one tenant. Its methods may be called from any
// goroutine.
type Healer struct {
	o        Options
	log      *slog.Logger
	watching atomic.Bool      // a manual remediation is being verified
	observed chan *flow.Batch // batches for those; bounded, and dropped when full

	mu      sync.Mutex
	state   State                        // guarded by mu
	foreign bool                         // guarded by mu; the ledger knows better: reload before the next step
	polls   map[string][]chan flow.Lease // guarded by mu; long polls by remediator, oldest first
	changed chan struct{}                // guarded by mu; closed at the next change
	held    map[vigil.BlockReason]int64  // guarded by mu; how often each guard newly held something
}

// Open loads what was under treatment and returns a healer for it.
func Open(ctx context.Context, o Options) (*Healer, error) {
	if o.HostStarted.IsZero() {
		o.HostStarted = o.Now()
	}
	if o.Manual == (Manual{}) {
		o.Manual = DefaultManual()
	}
	h := &Healer{
		o: o, log: o.Log.With("component", "remedy", "tenant", o.Tenant),
		observed: make(chan *flow.Batch, 64), polls: map[string][]chan flow.Lease{},
		changed: make(chan struct{}), held: map[vigil.BlockReason]int64{},
	}
	return h, h.load(ctx)
}

// load rebuilds the durable part of the state from the ledger. The caller holds
// mu, or is Open.
func (h *Healer) load(ctx context.Context) error {
	t, err := h.o.Ledger.LoadTreatment(ctx)
	if err != nil {
		return fmt.Errorf("load what is under treatment: %w", err)
	}
	var ended []vigil.Remediation
	for _, s := range []vigil.State{vigil.Unknown, vigil.TimedOut, vigil.Cancelled, vigil.Inconclusive} {
		rs, err := h.o.Ledger.Remediations(ctx, flow.RemediationFilter{State: s, Limit: maxOpen})
		if err != nil {
			return fmt.Errorf("load %s remediations: %w", s, err)
		}
		ended = append(ended, rs...)
	}
	next := NewState(h.o.Tenant, h.o.HostStarted, h.o.Manual, h.o.Fleet, t, ended)
	for id := range next.beats.all() {
		next.beats.put(id, h.o.Now())
	}
	if h.state.started.After(next.started) {
		next.started = h.state.started
	}
	next.signals, next.hands, next.homes, next.cancels = h.state.signals, h.state.hands, h.state.homes, h.state.cancels
	next.surveys = h.state.surveys
	next.resting = h.state.resting
	h.state, h.foreign = next, false
	return nil
}

// do takes one event: step, make durable, show, deliver.
func (h *Healer) do(ctx context.Context, body Body) (Effects, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.take(ctx, body)
}

// take is do for callers that hold mu.
func (h *Healer) take(ctx context.Context, body Body) (Effects, error) {
	if h.foreign {
		if err := h.load(ctx); err != nil {
			return Effects{}, err
		}
	}
	next, out, err := h.step(ctx, body)
	if err != nil {
		return Effects{}, err
	}
	if err := h.commit(ctx, out.Change); err != nil {
		return Effects{}, err
	}
	h.state = next
	h.watching.Store(next.watching > 0)
	h.deliver(out)
	return out, out.Err
}

// step steps until every action it needs is looked up.
func (h *Healer) step(ctx context.Context, body Body) (State, Effects, error) {
	e := Event{Body: body, Waiting: map[string]int{}, Actions: map[string]Action{}}
	_, _ = rand.Read(e.Seed[:]) // documented never to fail
	for id, waiting := range h.polls {
		e.Waiting[id] = len(waiting)
	}
	for {
		next, out := Step(h.state, e, h.o.Now())
		if len(out.Missing) == 0 {
			return next, out, nil
		}
		if err := h.lookUp(ctx, &e, out.Missing); err != nil {
			return State{}, Effects{}, err
		}
	}
}

// lookUp gives an event the actions that it lacks.
func (h *Healer) lookUp(ctx context.Context, e *Event, missing []string) error {
	for _, ref := range missing {
		a, err := h.lookup(ctx, ref)
		if err != nil {
			return err
		}
		e.Actions[ref] = a
	}
	return nil
}

// lookup keeps the registry's answer, good or bad; a broken registry is an
// error of its own.
func (h *Healer) lookup(ctx context.Context, ref string) (Action, error) {
	m, grants, err := h.o.Actions.Action(ctx, ref)
	var known *vigil.Error
	if err != nil && (!errors.As(err, &known) || known.Kind == vigil.Internal) {
		return Action{}, fmt.Errorf("look up action %s: %w", ref, err)
	}
	return Action{Module: m, Grants: grants, Err: err}, nil
}

// commit makes a change durable. A caller that goes away cannot leave it half
// heard, so its context's end is not the write's. When the ledger says that
// what it holds is not what we think, what it holds is loaded before the next
// step.
func (h *Healer) commit(ctx context.Context, c flow.Change) error {
	if len(c.Remediations)+len(c.Targets)+len(c.Guards)+len(c.Audit) == 0 && c.KillSwitch == nil {
		return nil
	}
	err := h.o.Ledger.Apply(context.WithoutCancel(ctx), c)
	if err == nil {
		close(h.changed)
		h.changed = make(chan struct{})
		return nil
	}
	h.foreign = vigil.KindOf(err) == vigil.Conflict
	return fmt.Errorf("record a change of %d remediations: %w", len(c.Remediations), err)
}

// deliver hands out what a durable change allows.
func (h *Healer) deliver(out Effects) {
	for _, l := range out.Leases {
		waiting := h.polls[l.Remediator]
		waiting[0] <- l.Lease // has room for its one lease
		h.setPolls(l.Remediator, waiting[1:])
	}
	for _, reason := range out.Held {
		h.held[reason]++
	}
	h.emit(out)
}

func (h *Healer) emit(out Effects) {
	if h.o.Spans == nil {
		return
	}
	var spans []flow.Span
	for _, t := range out.Trails {
		spans = append(spans, t.Take()...)
	}
	for _, s := range out.Spans {
		if s.End.IsZero() {
			s.End = h.o.Now()
		}
		spans = append(spans, s)
	}
	if len(spans) > 0 {
		h.o.Spans.Emit(spans...)
	}
}

// Held returns how often each guard newly held something since the start.
func (h *Healer) Held() map[vigil.BlockReason]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.held)
}
