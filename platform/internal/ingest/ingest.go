package ingest

import (
	"context"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Store keeps the samples. Append returns after they are durable.
type Store interface {
	Intern(name string, labels vigil.Labels) (id uint64, meta vigil.Series, err error)
	Append(ctx context.Context, b *flow.Batch) error
}

// Sink is shown every batch after it is durable, and must not block.
type Sink interface{ Offer(b *flow.Batch) }

// Spans takes finished spans for export, and must not block.
type Spans interface{ Emit(spans ...flow.Span) }

// Limits of what is admitted. Zero values mean the defaults named here.
type Limits struct {
	MaxAge     time.Duration // a sample may be this much older than its receipt: 1 hour
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
type Ingest struct{ opts Options }

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
	now := in.opts.Now()
	samples, err := decodeJSON(r.Body, now, in.opts.Limits)
	if err != nil {
		return flow.Receipt{}, err
	}
	return in.admit(ctx, r, samples, now)
}

// admit checks, stores and hands on what was decoded.
func (in *Ingest) admit(ctx context.Context, r flow.IngestRequest, samples []sample, now time.Time) (flow.Receipt, error) {
	rows, receipt, err := in.screen(samples, now)
	if err != nil {
		return flow.Receipt{}, err
	}
	if len(rows) == 0 && len(receipt.Rejected) > 0 {
		return flow.Receipt{}, refusal(receipt.Rejected)
	}
	b := buildBatch(rows)
	b.Tenant, b.By, b.Received = in.opts.Tenant, r.By.Name, now
	committing := in.opts.Now()
	if err := in.opts.Store.Append(ctx, b); err != nil {
		return flow.Receipt{}, err
	}
	b.Trail = trail(r, in.opts.Tenant, receipt, committing, in.opts.Now())
	in.opts.Sink.Offer(b)
	if r.Trace.Valid() && r.Trace.Sampled && in.opts.Spans != nil {
		in.opts.Spans.Emit(b.Trail.Take()...)
	}
	return receipt, nil
}
