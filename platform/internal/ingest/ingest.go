package ingest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/abi"
)

// Store keeps the samples. Append returns after they are durable.
// Series are known by their key, see flow.AppendKey.
type Store interface {
	Find(key []byte) (s flow.SeriesRow, known bool)
	Intern(key []byte) (flow.SeriesRow, error)
	Append(ctx context.Context, b *flow.Batch) error
	Generation() uint64 // another one: series may have been forgotten
}

// Sink is shown every batch after it is durable, and must not block.
type Sink interface{ Offer(b *flow.Batch) }

// Spans takes finished spans for export, and must not block.
type Spans interface{ Emit(spans ...flow.Span) }

// Limits of what is admitted. Zero values mean the defaults named here.
type Limits struct {
	MaxAge     time.Duration // a sample may be this much older than its receipt: 1 hour
	Backfill   time.Duration // and, if this is more, this much, as history that nobody judges: off
	MaxAhead   time.Duration // and this much younger: 10 minutes
	Samples    int           // in one request: 250,000
	Labels     int           // of one sample: 32
	NameBytes  int           // of a metric's or a label's name: 256
	ValueBytes int           // of a label's value: 1,024
}

func (l Limits) withDefaults() Limits {
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&l.Samples, 250_000)
	orInt(&l.Labels, 32)
	orInt(&l.NameBytes, 256)
	orInt(&l.ValueBytes, 1024)
	if l.MaxAge == 0 {
		l.MaxAge = time.Hour
	}
	if l.MaxAhead == 0 {
		l.MaxAhead = 10 * time.Minute
	}
	return l
}

// Options of an Ingest.
type Options struct {
	Tenant string
	Store  Store
	Sink   Sink
	Limits Limits
	Now    func() time.Time
	Spans  Spans
}

// Ingest admits one tenant's samples. Its methods may be called at the same
// time.
type Ingest struct {
	opts   Options
	idle   sync.Pool // of *builder
	names  names
	deltas deltas

	writes, lines, points, contexts vocabulary // by protocol; contexts are those of points

	accepted, refused, skipped atomic.Uint64
}

// Stats counts what became of the items of requests that could be read.
type Stats struct {
	Accepted uint64 // they are on disk
	Refused  uint64
	Skipped  uint64 // values that are no numbers
}

// Stats returns the counters so far.
func (in *Ingest) Stats() Stats {
	return Stats{in.accepted.Load(), in.refused.Load(), in.skipped.Load()}
}

// New returns an Ingest.
func New(o Options) *Ingest {
	o.Limits = o.Limits.withDefaults()
	return &Ingest{opts: o}
}

// JSON admits a body that is a sample, an array of samples, or one sample a
// line (NDJSON). A sample is
//
//	{"name": "cpu_usage", "value": 0.12, "ts": …, "labels": {"host": "web-1"}}
//
// where ts is RFC 3339 or Unix time in seconds or milliseconds, and the time
// of receipt when absent; tags is another word for labels.
func (in *Ingest) JSON(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	if err := checkContentType(r.ContentType); err != nil {
		return flow.Receipt{}, err
	}
	b := in.builder()
	defer in.done(b)
	if err := decodeJSON(r.Body, b); err != nil {
		return flow.Receipt{}, err
	}
	return in.admit(ctx, r, b)
}

// builder lends a builder for one request.
func (in *Ingest) builder() *builder {
	b, ok := in.idle.Get().(*builder)
	if !ok {
		b = &builder{known: map[uint64]uint32{}, fresh: map[string]uint32{}}
	}
	l, now := in.opts.Limits, in.opts.Now().UnixNano()
	b.store, b.limits, b.now = in.opts.Store, l, now
	b.late, b.newest = now-int64(l.MaxAge), now+int64(l.MaxAhead)
	b.oldest = now - int64(max(l.MaxAge, l.Backfill))
	return b
}

// maxIdleRows bounds the memory that an idle builder keeps: about 2 MiB.
const maxIdleRows = 1 << 16

// done takes a builder back, with nothing of the request in it.
func (in *Ingest) done(b *builder) {
	if cap(b.rows) > maxIdleRows || cap(b.runs) > maxIdleRows || cap(b.tail) > maxIdleRows {
		return
	}
	clear(b.runs)
	clear(b.known)
	clear(b.fresh)
	*b = builder{
		labels: b.labels[:0], tail: b.tail[:0], spare: b.spare[:0], key: b.key[:0],
		runs: b.runs[:0], rows: b.rows[:0], known: b.known, fresh: b.fresh, added: b.added[:0],
	}
	in.idle.Put(b)
}

// admit stores what was decoded and hands it on.
func (in *Ingest) admit(ctx context.Context, r flow.IngestRequest, b *builder) (flow.Receipt, error) {
	batch, err := b.build(&in.deltas)
	if err != nil {
		return flow.Receipt{}, err
	}
	receipt := b.receipt
	in.refused.Add(uint64(receipt.Refused))
	in.skipped.Add(uint64(receipt.Skipped))
	switch {
	case receipt.Accepted == 0 && receipt.Refused > 0:
		return flow.Receipt{}, refusal(receipt)
	case len(batch.Times) == 0:
		return receipt, nil // a request may hold nothing but remarks
	}
	batch.Tenant, batch.By, batch.Received = in.opts.Tenant, r.By.Name, time.Unix(0, b.now).UTC()
	committing := in.opts.Now()
	if err := in.opts.Store.Append(ctx, batch); err != nil {
		in.deltas.takeBack(b.added)
		return flow.Receipt{}, err
	}
	in.accepted.Add(uint64(receipt.Accepted))
	batch.Trail = trail(r, in.opts.Tenant, receipt, committing, in.opts.Now())
	if fresh := present(batch); len(fresh.Runs) > 0 {
		in.opts.Sink.Offer(fresh)
	}
	if r.Trace.Valid() && r.Trace.Sampled && in.opts.Spans != nil {
		in.opts.Spans.Emit(batch.Trail.Take()...)
	}
	return receipt, nil
}

// present is the part of a batch that may be judged: nobody acts on history
// that was filled in afterwards.
func present(b *flow.Batch) *flow.Batch {
	late := func(r flow.Run) bool { return r.Flags&abi.FlagLate != 0 }
	if !slices.ContainsFunc(b.Runs, late) {
		return b
	}
	part := *b
	part.Runs = slices.DeleteFunc(slices.Clone(b.Runs), late)
	return &part
}
