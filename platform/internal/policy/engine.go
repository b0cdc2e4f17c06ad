package policy

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Ledger keeps policies, episodes and decisions on disk. SaveEpisodes stores
// all of its arguments or none; an episode is replaced by its id.
type Ledger interface {
	Policies(ctx context.Context) ([]flow.PolicyRow, error)
	PutPolicy(ctx context.Context, row flow.PolicyRow, rec vigil.AuditRecord) error
	DeletePolicy(ctx context.Context, name string, rec vigil.AuditRecord) error
	OpenEpisodes(ctx context.Context) ([]vigil.Episode, error)
	SaveEpisodes(ctx context.Context, episodes []vigil.Episode, decisions []vigil.Decision) error
}

// Guests opens instances of policy modules.
type Guests interface {
	OpenPolicy(ctx context.Context, digest string) (Guest, error)
}

// Guest is one instance of a policy module. It is used by one goroutine at a
// time; after an error of Configure or Eval it is closed and replaced.
type Guest interface {
	Configure(ctx context.Context, config uint32, settings []byte) error
	Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error)
	Calls() []vigil.HostCall // that the last Eval made, nil if none; they are not changed afterwards
	Cost() flow.GuestCost    // of all its calls so far
	Close(ctx context.Context) error
}

// Modules resolves what a policy calls its module and its actions, and says
// what they are granted now.
type Modules interface {
	Resolve(ctx context.Context, ref string) (vigil.Module, error)
	InForce(ctx context.Context, digest string) ([]vigil.Grant, error)
}

// Treat hears what policies find. It must not call back into the engine.
type Treat interface {
	Fired(ctx context.Context, f flow.Firing) error
	Cleared(ctx context.Context, policy string, t vigil.Target, at time.Time) error
	Judged(ctx context.Context, j flow.Judged) error
	Strayed(ctx context.Context, s flow.Stray) error
}

// Spans takes finished spans and never blocks.
type Spans interface {
	Emit(spans ...flow.Span)
}

// Options are what an engine needs. All down to Log are required.
type Options struct {
	Tenant   string
	Ledger   Ledger
	Guests   Guests
	Modules  Modules
	Selector func(text string) (matches func(vigil.Series) bool, err error)
	Queries  Queries
	Settings func(schema, settings []byte) error // says what a schema of a manifest does not allow
	Treat    Treat
	Spans    Spans
	Now      func() time.Time
	Log      *slog.Logger
	Engine   string // what decisions say judged them
	Shards   int    // 0 means 1

	Inventory      Inventory     // nil: what is known is forgotten at the end
	TTL            time.Duration // a target silent for so long leaves its groups; 0 means 24h
	Decommissioned []vigil.Target
}

// Stats counts what an engine did since it was opened.
type Stats struct {
	Evaluations uint64 // guest calls answered
	Judgements  uint64 // verdicts they gave
	Failures    uint64 // guest calls that failed
	Skipped     uint64 // samples passed over under overload for newer ones of their series
	Unbound     uint64 // series that a policy selected but whose target it could not name
}

// Engine judges one tenant's batches by its policies.
type Engine struct {
	opts   Options
	born   time.Time
	shards []*shard
	books  []*book
	asker  *asker
	census *census

	set   atomic.Pointer[set]
	apply sync.Mutex // serialises changes of set

	evaluations, judgements, failures, skipped, unbound atomic.Uint64
	results                                             atomic.Uint64 // series of results that were given a number
}

// Open loads policies and open episodes and returns an engine that judges once
// Run is called. Stored policies that can no longer be read are logged and
// stay listed, but judge nothing.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o.Shards = max(o.Shards, 1)
	o.Log = o.Log.With("component", "policy")
	e := &Engine{opts: o, born: o.Now()}
	for i := range o.Shards {
		e.shards = append(e.shards, newShard(e, i))
		e.books = append(e.books, newBook(e))
	}
	e.asker = &asker{e, make(chan struct{}, 1)}
	var known []flow.Known
	if o.Inventory != nil {
		var err error
		if known, err = o.Inventory.Known(ctx); err != nil {
			return nil, fmt.Errorf("load the inventory of targets: %w", err)
		}
	}
	e.census = newCensus(o.TTL, known, o.Decommissioned)
	rows, err := o.Ledger.Policies(ctx)
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	e.set.Store(e.load(rows))
	open, err := o.Ledger.OpenEpisodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("load open episodes: %w", err)
	}
	for _, ep := range open {
		e.bookFor(ep.Target).resume(ep, e.born)
	}
	return e, nil
}

// Stats returns the counters so far.
func (e *Engine) Stats() Stats {
	return Stats{
		Evaluations: e.evaluations.Load(),
		Judgements:  e.judgements.Load(),
		Failures:    e.failures.Load(),
		Skipped:     e.skipped.Load(),
		Unbound:     e.unbound.Load(),
	}
}

// Offer hands a durable batch to the shards of its series. It never blocks:
// a shard that is far behind judges only the newest sample of each series.
func (e *Engine) Offer(b *flow.Batch) {
	now := e.opts.Now()
	if len(e.shards) == 1 {
		e.shards[0].offer(newOffer(b, nil, now))
		return
	}
	n := uint32(len(e.shards))
	ends := make([]int, n+1) // of the shards' parts of picks, one further
	for i := range b.Runs {
		ends[b.Runs[i].Home%n+1]++
	}
	for i := range n {
		ends[i+1] += ends[i]
	}
	picks := make([]uint32, len(b.Runs))
	for i := range b.Runs {
		shard := b.Runs[i].Home % n
		picks[ends[shard]] = uint32(i)
		ends[shard]++
	}
	first := 0
	for i, end := range ends[:n] { // which by now is where the shard's part ends
		if end > first {
			e.shards[i].offer(newOffer(b, picks[first:end:end], now))
		}
		first = end
	}
}

// bookFor is the book that a target's episode is kept in. A target named after
// its series' host label is booked on the shard of that series.
func (e *Engine) bookFor(t vigil.Target) *book {
	return e.books[flow.Home(t.Host)%uint32(len(e.books))]
}

// Wake signals that shard i has batches to judge.
func (e *Engine) Wake(shard int) <-chan struct{} { return e.shards[shard].inbox.wake }
