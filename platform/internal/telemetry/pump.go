package telemetry

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// The bounds of one export.
const (
	exportSize    = 512
	exportTimeout = 5 * time.Second
	maxServices   = 16
)

// pump turns queued spans into the SDK's and exports them in batches. One
// goroutine runs it; while an export waits for a receiver the queue fills, and
// then drops.
type pump struct {
	t        *Telemetry
	exporter sdktrace.SpanExporter
	tracers  map[string]trace.Tracer // by service name
	batch    []sdktrace.ReadOnlySpan
	failed   bool // the last export, so that an outage is logged once
}

func newPump(t *Telemetry, exporter sdktrace.SpanExporter) *pump {
	return &pump{t: t, exporter: exporter, tracers: map[string]trace.Tracer{}}
}

// run exports until Close; ctx ends when Close has no more patience.
func (p *pump) run(ctx context.Context) {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case s := <-p.t.queue:
			p.add(ctx, s)
			if len(p.batch) >= exportSize {
				p.export(ctx)
			}
		case <-flush.C:
			p.export(ctx)
		case <-p.t.end:
			p.drain(ctx)
			return
		}
	}
}

// drain exports all that is queued, then lets go of the exporter.
func (p *pump) drain(ctx context.Context) {
	for range len(p.t.queue) {
		p.add(ctx, <-p.t.queue)
		if len(p.batch) >= exportSize {
			p.export(ctx)
		}
	}
	p.export(ctx)
	if err := p.exporter.Shutdown(ctx); err != nil {
		p.t.opts.Log.WarnContext(ctx, "shutdown of the trace exporter failed", "err", err)
	}
}

// export sends the batch. What cannot be delivered is dropped: a trace is not
// worth memory without bound.
func (p *pump) export(ctx context.Context) {
	if len(p.batch) == 0 {
		return
	}
	limited, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	err := p.exporter.ExportSpans(limited, p.batch)
	if err != nil {
		p.t.dropped.Add(uint64(len(p.batch)))
		if !p.failed {
			p.t.opts.Log.WarnContext(ctx, "spans cannot be delivered and are dropped", "err", err)
		}
	}
	p.failed = err != nil
	clear(p.batch)
	p.batch = p.batch[:0]
}

// add has the SDK make its own span of one of ours. The SDK calls back OnEnd,
// which collects it.
func (p *pump) add(ctx context.Context, s flow.Span) {
	ids := identity{trace.TraceID(s.Context.Trace), trace.SpanID(s.Context.Span)}
	ctx = context.WithValue(ctx, identityKey{}, ids)
	if s.Parent != (flow.SpanID{}) {
		ctx = trace.ContextWithSpanContext(ctx, remote(flow.SpanContext{Trace: s.Context.Trace, Span: s.Parent}))
	}
	options := []trace.SpanStartOption{trace.WithTimestamp(s.Start), trace.WithAttributes(attributes(s.Attrs)...)}
	for _, l := range s.Links {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: remote(l)}))
	}
	_, span := p.tracer(s.Service).Start(ctx, s.Name, options...)
	if s.Err != "" {
		span.SetStatus(codes.Error, s.Err)
	}
	span.End(trace.WithTimestamp(s.End))
}

// tracer returns the tracer of a role's service. Roles beyond the bound share
// the plain service name.
func (p *pump) tracer(role string) trace.Tracer {
	name := p.t.opts.ServiceName
	if role != "" && role != name {
		name += "-" + strings.TrimPrefix(role, name+"-")
	}
	if t := p.tracers[name]; t != nil {
		return t
	}
	if len(p.tracers) >= maxServices {
		name = p.t.opts.ServiceName
	}
	p.tracers[name] = sdktrace.NewTracerProvider(
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", name), attribute.String("service.version", p.t.opts.Version))),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // who emits has chosen
		sdktrace.WithIDGenerator(identity{}),
		sdktrace.WithSpanProcessor(p),
	).Tracer("github.com/techmedaddy/vigil")
	return p.tracers[name]
}

// OnStart does nothing.
func (p *pump) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd collects a finished span for the next export.
func (p *pump) OnEnd(s sdktrace.ReadOnlySpan) { p.batch = append(p.batch, s) }

// Shutdown does nothing; the pump ends with Close.
func (p *pump) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing; the pump flushes by itself.
func (p *pump) ForceFlush(context.Context) error { return nil }

// identity is what a span is to be called. As an ID generator it hands out what
// the context of the span carries.
type identity struct {
	trace trace.TraceID
	span  trace.SpanID
}

type identityKey struct{}

// NewIDs returns the identifiers of a root span.
func (identity) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	ids, _ := ctx.Value(identityKey{}).(identity)
	return ids.trace, ids.span
}

// NewSpanID returns the identifier of a child span.
func (identity) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	ids, _ := ctx.Value(identityKey{}).(identity)
	return ids.span
}

// remote is one of our span contexts in the SDK's words.
func remote(c flow.SpanContext) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(c.Trace), SpanID: trace.SpanID(c.Span), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// attributes are ours in the SDK's words. A value of a type that flow.Attr does
// not allow is left out.
func attributes(attrs []flow.Attr) []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		switch v := a.Value.(type) {
		case string:
			kvs = append(kvs, attribute.String(a.Key, v))
		case bool:
			kvs = append(kvs, attribute.Bool(a.Key, v))
		case int64:
			kvs = append(kvs, attribute.Int64(a.Key, v))
		case float64:
			kvs = append(kvs, attribute.Float64(a.Key, v))
		}
	}
	return kvs
}
