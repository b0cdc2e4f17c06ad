package policy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Queries evaluates PromQL over the tenant's history.
type Queries interface {
	Form(text string) (flow.QueryForm, error) // errors are Invalid
	Ask(ctx context.Context, q flow.Query) ([]flow.QueryResult, error)
}

// The bounds of asking.
const (
	maxAsking  = 2       // queries at once, of all policies
	maxNamed   = 1 << 15 // series that a query's results are remembered by
	ownNumbers = 1 << 63 // set in ids of results, so that they are no id of stored series
)

// query is what a rule asks: the results' series, and how it fares.
type query struct {
	reach time.Duration
	named map[string]flow.Run // by series key; used by the one goroutine that asks

	skipped, asked, failed atomic.Uint64
	nanos                  atomic.Int64

	mu   sync.Mutex      // guards last
	last flow.QueryState // without its counters
}

func (q *query) skip(n uint64) { q.skipped.Add(n) }

// state is how the query has fared.
func (q *query) state() *flow.QueryState {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.last
	s.Asked, s.Failed, s.Skipped = q.asked.Load(), q.failed.Load(), q.skipped.Load()
	return &s
}

// asker asks the queries of all policies in time. What it is woken for is a
// change of the set.
type asker struct {
	e    *Engine
	wake chan struct{} // capacity 1
}

func (a *asker) hint() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run asks until ctx ends; all questions are answered or canceled when it returns.
func (a *asker) run(ctx context.Context) {
	t := timetable{rows: map[*rule]*call{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := make(chan *call, maxAsking)
	var wg sync.WaitGroup
	defer wg.Wait()
	asking := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		case c := <-done:
			asking--
			c.cancel()
			c.cancel = nil
		}
		now := a.e.opts.Now()
		t.adopt(a.e.set.Load(), now)
		t.turn(now)
		for _, c := range t.waiting() {
			if asking == maxAsking {
				break
			}
			q, r := c.question(), c.bound.rule
			c.at = time.Time{}
			// Whoever takes longer than its interval is late in any case.
			one, cancel := context.WithTimeout(ctx, c.every())
			c.cancel = cancel
			asking++
			wg.Go(func() {
				a.ask(one, r, q)
				done <- c
			})
		}
		timer.Reset(sleep(t.due(), a.e.opts.Now()))
	}
}

// ask evaluates one rule's query and has the rule judge what came of it.
func (a *asker) ask(ctx context.Context, r *rule, q flow.Query) {
	began := a.e.opts.Now()
	results, err := a.e.opts.Queries.Ask(ctx, q)
	now := a.e.opts.Now()
	if a.e.inForce(r) == nil || errors.Is(ctx.Err(), context.Canceled) {
		return // nobody waits for it any more
	}
	s := flow.QueryState{At: q.At, Took: vigil.Duration(now.Sub(began)), Results: len(results)}
	r.query.asked.Add(1)
	r.query.nanos.Add(int64(now.Sub(began)))
	if err != nil {
		r.query.failed.Add(1)
		e := vigil.AsError(err)
		s.Error, s.Code = clip(e.Msg), e.Code
	}
	r.query.mu.Lock()
	first := err != nil && r.query.last.Code != s.Code
	r.query.last = s
	r.query.mu.Unlock()
	if first {
		a.e.opts.Log.WarnContext(ctx, "query of a policy failed", "policy", r.name, "err", err)
	}
	if err != nil {
		a.e.fault(r, s.Error+" ("+s.Code+")", now)
		return
	}
	a.e.deliver(r, q, results, queryTrail(r, began, now))
}

// queryTrail is where the trace of what results lead to begins.
func queryTrail(r *rule, began, done time.Time) *flow.Trail {
	span := flow.Span{
		Name: "query", Service: "collector", Context: flow.NewTrace(), Start: began, End: done,
		Attrs: []flow.Attr{{Key: "vigil.policy", Value: r.name}, {Key: "vigil.query", Value: clip(r.selects.Query)}},
	}
	return &flow.Trail{Context: span.Context, Spans: []flow.Span{span}}
}

// fault tells every shard that a rule's query could not be answered.
func (e *Engine) fault(r *rule, reason string, now time.Time) {
	for _, sh := range e.shards {
		sh.offer(&offer{batch: &flow.Batch{Tenant: e.opts.Tenant, Received: now}, at: now, rule: r, fault: reason})
	}
}

// deliver hands results to their shards as a batch of the rule's own. A result
// bears the time of the newest sample it rests on, so that what stands still does
// not look fresh; one that rests on none bears that of its evaluation.
func (e *Engine) deliver(r *rule, q flow.Query, results []flow.QueryResult, trail *flow.Trail) {
	now := trail.Spans[0].End
	offers := map[int]*offer{} // by shard, and apart those that rest on nothing
	for _, res := range results {
		run := r.query.name(e, r, res.Series)
		home, when, bare := int(flow.Home(run.Meta.Labels["host"])%uint32(len(e.shards))), res.Newest, res.Newest.IsZero()
		if bare {
			home, when = -1-home, q.At
		}
		o := offers[home]
		if o == nil {
			o = &offer{batch: &flow.Batch{Tenant: e.opts.Tenant, Received: now, Trail: trail}, at: now, rule: r, bare: bare}
			offers[home] = o
		}
		run.First, run.Count = uint32(o.rows), 1
		o.batch.Runs, o.rows = append(o.batch.Runs, run), o.rows+1
		o.batch.Times, o.batch.Values = append(o.batch.Times, when.UnixNano()), append(o.batch.Values, res.Value)
	}
	for _, home := range slices.Sorted(maps.Keys(offers)) {
		e.shards[max(home, -1-home)].offer(offers[home])
	}
}

// name gives a result's series its number, the same each time, and its name: the
// policy's where the expression leaves none.
func (q *query) name(e *Engine, r *rule, s vigil.Series) flow.Run {
	if s.Name == "" {
		s.Name = r.name
	}
	key := string(flow.AppendKey(nil, s))
	run, ok := q.named[key]
	if !ok {
		if len(q.named) >= maxNamed {
			clear(q.named) // their series begin anew
		}
		run = flow.Run{ID: ownNumbers | e.results.Add(1), Meta: s}
		q.named[key] = run
	}
	return run
}

// faults records that queries could not be answered: what they were asked about
// is neither well nor bad.
func (sh *shard) faults(ctx context.Context, turn []*offer, now time.Time) error {
	var notes []note
	for _, o := range turn {
		d := sh.desks[o.rule]
		if o.fault == "" || d == nil {
			continue
		}
		for _, t := range d.tracks {
			at := o.batch.Received
			if t.last != 0 {
				at = time.Unix(0, t.last)
			}
			t.said = vigil.VerdictError
			notes = append(notes, note{
				track: t, verdict: vigil.VerdictError, reason: o.fault, basis: vigil.BasisQuery,
				at: at, received: o.batch.Received, heard: now, began: o.at,
			})
		}
	}
	_, err := sh.record(ctx, notes, now)
	return err
}
