package recall

import (
	"context"
	"log/slog"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Ledger keeps state and refusals on disk. SaveState stores all changes or
// none.
type Ledger interface {
	State(ctx context.Context, space string) (map[string][]byte, error)
	StateSize(ctx context.Context) (bytes int64, err error)
	SaveState(ctx context.Context, changes []flow.StateChange) error
	ClearState(ctx context.Context, space string) error
	AppendAudit(ctx context.Context, rec vigil.AuditRecord) error
}

// Read returns the samples with from ≤ time ≤ to of the series of one metric
// that match accepts. More than limit of them give code query_too_expensive.
type Read func(ctx context.Context, metric string, match func(vigil.Series) bool, from, to time.Time, limit int) ([]vigil.History, error)

// Selector reads a selector: the metric that it names, "" if none, and the test
// that it stands for.
type Selector func(text string) (metric string, match func(vigil.Series) bool, err error)

// Options are what a Recall needs, all of one tenant.
type Options struct {
	Ledger   Ledger
	Read     Read
	Selector Selector
	Grants   func(ctx context.Context, digest string) ([]vigil.Grant, error)
	Allows   func(grants []vigil.Grant, capability, target string, now time.Time) error
	Spend    func(grants []vigil.Grant, now time.Time) error // takes one use of their budgets
	Now      func() time.Time
	Log      *slog.Logger
	Turn     time.Duration // of waiting for another shard's evaluation; 0 means 50 ms
}

// Recall answers the guests of one tenant. It is safe for concurrent use.
type Recall struct {
	o       Options
	memory  *memory
	told    *refusals
	readers chan struct{} // one token for each query under way
}

// maxReaders bounds how many queries of guests run at once, so that they leave
// the readers of the database to people.
const maxReaders = 2

// Open makes a Recall. What it is told is written once Run runs.
func Open(ctx context.Context, o Options) (*Recall, error) {
	size, err := o.Ledger.StateSize(ctx)
	if err != nil {
		return nil, err
	}
	o.Log = o.Log.With("component", "recall")
	if o.Turn == 0 {
		o.Turn = turnTime
	}
	return &Recall{
		o: o, memory: newMemory(o.Ledger, size), told: newRefusals(), readers: make(chan struct{}, maxReaders),
	}, nil
}

// flushEvery is how long a change of state that led to nothing waits for others.
const flushEvery = time.Second

// Run writes changed state and refusals until ctx ends, and then the rest.
func (r *Recall) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	whole := context.WithoutCancel(ctx) // what was taken out of the queue must not be lost
	for {
		select {
		case <-ctx.Done():
			for len(r.told.queue) > 0 {
				r.record(whole, <-r.told.queue)
			}
			r.save(whole)
			return nil
		case rec := <-r.told.queue:
			r.record(whole, rec)
		case <-tick.C:
			r.save(whole)
		}
	}
}

// save flushes; what fails is kept and tried again.
func (r *Recall) save(ctx context.Context) {
	if err := r.Flush(ctx); err != nil {
		r.o.Log.ErrorContext(ctx, "state of modules not saved", "err", err)
	}
}

func (r *Recall) record(ctx context.Context, rec vigil.AuditRecord) {
	if err := r.o.Ledger.AppendAudit(ctx, rec); err != nil {
		r.o.Log.ErrorContext(ctx, "refused host call not recorded", "policy", rec.Object, "err", err)
	}
}

// Flush makes durable all state that ended evaluations have changed. It costs
// nothing when there is none.
func (r *Recall) Flush(ctx context.Context) error { return r.memory.flush(ctx) }

// Forget deletes what a module kept for itself.
func (r *Recall) Forget(ctx context.Context, m vigil.Module) error {
	return r.memory.forget(ctx, spaceOf(m))
}

// spaceOf names a module's memory. It is not the digest's, so that an upgrade
// finds what it kept.
func spaceOf(m vigil.Module) string { return string(m.Kind) + ":" + m.Name }

// allow holds a call against a digest's grants and takes one use of their
// budget.
func (r *Recall) allow(ctx context.Context, digest, op, target string) error {
	all, err := r.o.Grants(ctx, digest)
	if err != nil {
		return err
	}
	now := r.o.Now()
	if err := r.o.Allows(all, op, target, now); err != nil {
		return err
	}
	var may []vigil.Grant
	for _, g := range all {
		if r.o.Allows([]vigil.Grant{g}, op, target, now) == nil {
			may = append(may, g)
		}
	}
	return r.o.Spend(may, now)
}
