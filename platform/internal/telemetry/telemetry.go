package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// queued bounds the spans that wait for the exporter, about 4 MB.
const queued = 8192

// Options say where traces go and who sends them.
type Options struct {
	Endpoint    string // base URL of an OTLP/HTTP receiver; "": what OTEL_EXPORTER_OTLP_* say, off if they say nothing
	ServiceName string // "" means vigil; a span's service is ServiceName-role
	Version     string
	Log         *slog.Logger
}

// Telemetry exports spans and serves self-metrics until it is closed.
type Telemetry struct {
	opts    Options
	meters  *meters
	queue   chan flow.Span // nil while tracing is off
	dropped atomic.Uint64
	end     chan struct{}      // closed by Close: the pump flushes and ends
	done    chan struct{}      // closed when the pump is gone
	abandon context.CancelFunc // gives up the export under way and all after it
}

// New starts telemetry. No endpoint means that Emit does nothing; an endpoint
// that is down is no error, now or later.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if o.ServiceName == "" {
		o.ServiceName = "vigil"
	}
	o.Log = o.Log.With("component", "telemetry")
	t := &Telemetry{opts: o, meters: newMeters()}
	t.Counter("vigil_dropped_spans_total", "Spans that could not be queued or delivered.", func() float64 { return float64(t.Dropped()) })
	options, on, err := exporterOptions(o.Endpoint)
	if err != nil || !on {
		return t, err
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("start trace exporter: %w", err)
	}
	t.start(ctx, exporter)
	return t, nil
}

// exporterOptions decides whether and where traces are exported.
func exporterOptions(endpoint string) (options []otlptracehttp.Option, on bool, err error) {
	// A retry within one export would hold up all later ones.
	options = []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false})}
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return nil, false, nil
	}
	if endpoint == "" {
		env := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
		return options, env != "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, false, vigil.Errorf(vigil.Invalid, "endpoint_invalid", "trace endpoint is no URL such as http://127.0.0.1:4318").
			Hinted("set OTEL_EXPORTER_OTLP_ENDPOINT to the base URL of an OTLP/HTTP receiver")
	}
	return append(options, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String())), true, nil
}

// start begins exporting. The pump lives until Close.
func (t *Telemetry) start(ctx context.Context, exporter *otlptrace.Exporter) {
	t.queue = make(chan flow.Span, queued)
	t.end, t.done = make(chan struct{}), make(chan struct{})
	ctx, t.abandon = context.WithCancel(context.WithoutCancel(ctx))
	p := newPump(t, exporter)
	go func() {
		defer close(t.done)
		p.run(ctx)
	}()
}

// Emit hands over finished spans. It never blocks; spans must not change
// afterwards.
func (t *Telemetry) Emit(spans ...flow.Span) {
	if t.queue == nil {
		return
	}
	for _, s := range spans {
		select {
		case t.queue <- s:
		default:
			t.dropped.Add(1)
		}
	}
}

// Dropped returns how many spans could not be queued or delivered.
func (t *Telemetry) Dropped() uint64 { return t.dropped.Load() }

// Tracing reports whether spans go anywhere.
func (t *Telemetry) Tracing() bool { return t.queue != nil }

// Close exports what is queued, as far as ctx allows, and stops. Only one
// goroutine may call it, once; what is emitted later is dropped.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.queue == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, t.abandon)
	close(t.end)
	<-t.done
	if !stop() {
		return fmt.Errorf("flush traces: %w", ctx.Err())
	}
	t.abandon()
	return nil
}

// flushEvery is how long a span waits for others, at most.
const flushEvery = 500 * time.Millisecond
