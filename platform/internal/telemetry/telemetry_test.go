package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/telemetry"
)

// receiver is an OTLP/HTTP receiver that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	services map[string][]*tracepb.Span // by service.name
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{services: map[string][]*tracepb.Span{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := r.take(req); err != nil {
			t.Errorf("receive: %v", err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(req *http.Request) error {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var m collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range m.ResourceSpans {
		name := ""
		for _, kv := range rs.Resource.Attributes {
			if kv.Key == "service.name" {
				name = kv.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			r.services[name] = append(r.services[name], ss.Spans...)
		}
	}
	return nil
}

func open(t *testing.T, endpoint string) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(t.Context(), telemetry.Options{Endpoint: endpoint, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func TestEmit_KeepsIdentitiesParentsAndTimes(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	tel := open(t, r.URL)
	root := flow.NewTrace()
	child, other := root.Child(), flow.NewTrace()
	start := time.Unix(1_700_000_000, 123)
	tel.Emit(
		flow.Span{Name: "POST /ingest", Service: "agent", Context: root, Start: start, End: start.Add(time.Second)},
		flow.Span{
			Name: "evaluate", Service: "collector", Context: child, Parent: root.Span, Links: []flow.SpanContext{other},
			Start: start.Add(time.Millisecond), End: start.Add(2 * time.Millisecond), Err: "guest_trap",
			Attrs: []flow.Attr{{Key: "vigil.policy", Value: "cpu-high"}, {Key: "n", Value: int64(3)}, {Key: "v", Value: 0.95}, {Key: "b", Value: true}},
		},
		flow.Span{Name: "action", Service: "vigil-remediator", Context: child.Child(), Parent: child.Span, Start: start, End: start},
	)
	if err := tel.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{"vigil-agent": "POST /ingest", "vigil-collector": "evaluate", "vigil-remediator": "action"} {
		if got := r.services[service]; len(got) != 1 || got[0].Name != want {
			t.Errorf("spans of %s = %v, want one %s", service, got, want)
		}
	}
	first, second := r.services["vigil-agent"][0], r.services["vigil-collector"][0]
	if !bytes.Equal(first.TraceId, root.Trace[:]) || !bytes.Equal(first.SpanId, root.Span[:]) || len(first.ParentSpanId) != 0 {
		t.Errorf("root = %x %x parent %x, want %s", first.TraceId, first.SpanId, first.ParentSpanId, root)
	}
	if !bytes.Equal(second.TraceId, root.Trace[:]) || !bytes.Equal(second.SpanId, child.Span[:]) || !bytes.Equal(second.ParentSpanId, root.Span[:]) {
		t.Errorf("child = %x %x parent %x, want %s", second.TraceId, second.SpanId, second.ParentSpanId, child)
	}
	if second.StartTimeUnixNano != uint64(start.Add(time.Millisecond).UnixNano()) || second.EndTimeUnixNano != uint64(start.Add(2*time.Millisecond).UnixNano()) {
		t.Errorf("times = %d to %d", second.StartTimeUnixNano, second.EndTimeUnixNano)
	}
	if second.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || second.Status.Message != "guest_trap" {
		t.Errorf("status = %v", second.Status)
	}
	if len(second.Links) != 1 || !bytes.Equal(second.Links[0].SpanId, other.Span[:]) {
		t.Errorf("links = %v", second.Links)
	}
	attrs := map[string]string{}
	for _, kv := range second.Attributes {
		attrs[kv.Key] = strings.Join(strings.Fields(kv.Value.String()), "")
	}
	want := map[string]string{"vigil.policy": `string_value:"cpu-high"`, "n": "int_value:3", "v": "double_value:0.95", "b": "bool_value:true"}
	if diff := cmp.Diff(want, attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if tel.Dropped() != 0 {
		t.Errorf("%d spans dropped", tel.Dropped())
	}
}

func TestEmit_FlushesByItself(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} }))
	t.Cleanup(srv.Close)
	tel := open(t, srv.URL+"/")
	tel.Emit(flow.Span{Name: "x", Context: flow.NewTrace()})
	<-arrived
	if err := tel.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEmit_NeverBlocksOnAReceiverThatHangs(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var lc net.ListenConfig
	hole, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts by backlog, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	tel := open(t, "http://"+hole.Addr().String())
	const n = 30_000
	began := time.Now()
	for range n {
		tel.Emit(flow.Span{Name: "x", Context: flow.NewTrace()})
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("%d spans took %v to emit", n, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := tel.Close(ctx); err == nil {
		t.Error("Close delivered to a receiver that never answers")
	}
	if got := tel.Dropped(); got != n {
		t.Errorf("%d spans dropped, want all %d", got, n)
	}
}

func TestNew_IsOffWithoutAnEndpoint(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tel := open(t, "")
	tel.Emit(flow.Span{Name: "x", Context: flow.NewTrace()})
	if tel.Tracing() || tel.Dropped() != 0 {
		t.Error("tracing is on though nobody asked for it")
	}
	if err := tel.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNew_ReadsTheEnvironment(t *testing.T) {
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	tel := open(t, "")
	tel.Emit(flow.Span{Name: "x", Service: "collector", Context: flow.NewTrace()})
	if err := tel.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.services["vigil-collector"]) != 1 {
		t.Errorf("received %v", r.services)
	}
}

func TestNew_RefusesWhatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"127.0.0.1:4318", "ftp://x", "http://", "::"} {
		if _, err := telemetry.New(t.Context(), telemetry.Options{Endpoint: endpoint, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("New(%q) succeeded", endpoint)
		}
	}
}

func TestMetrics_AreThePrometheusTextFormat(t *testing.T) {
	t.Parallel()
	tel := open(t, "")
	tel.Counter("vigil_ingest_samples_total", "Samples accepted.", func() float64 { return 12 })
	tel.Gauge("vigil_series", "Series known.", func() float64 { return 3 })
	tel.Gauges("vigil_remediations", "Remediations by state.", "state", func() map[string]float64 {
		return map[string]float64{"healed": 2, "a \"b\"\n": 1}
	})
	tel.Table([]string{"policy", "module"}, []telemetry.Column{
		{Name: "vigil_guest_fuel_total", Help: "Fuel."}, {Name: "vigil_guest_memory_bytes", Help: "Memory."},
	}, func(row func([]float64, ...string)) {
		row([]float64{7, 64}, "cpu", "threshold")
		row([]float64{8, 128}, "disk", "threshold")
	})
	b, err := tel.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE vigil_ingest_samples_total counter\nvigil_ingest_samples_total 12\n",
		"vigil_series 3\n", `vigil_remediations{state="healed"} 2` + "\n", `state="a \"b\"\n"`,
		"# TYPE vigil_guest_fuel_total counter\n" + `vigil_guest_fuel_total{module="threshold",policy="cpu"} 7` + "\n",
		"# TYPE vigil_guest_memory_bytes gauge\n", `vigil_guest_memory_bytes{module="threshold",policy="disk"} 128` + "\n",
		"vigil_dropped_spans_total 0\n", "go_goroutines ",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("metrics lack %q", want)
		}
	}
}

func TestNewLogger_KeepsOneRecordOnOneLine(t *testing.T) {
	t.Parallel()
	hostile := "x\nlevel=ERROR msg=forged \x1b[2J"
	for _, asJSON := range []bool{false, true} {
		var b bytes.Buffer
		log := telemetry.NewLogger(&b, slog.LevelInfo, asJSON)
		log.Debug("hidden")
		log.Info("shown", "target", hostile)
		if strings.Count(b.String(), "\n") != 1 || strings.Contains(b.String(), "\x1b") {
			t.Errorf("json %v: logged %q", asJSON, b.String())
		}
		if asJSON && !json.Valid(b.Bytes()) {
			t.Errorf("not JSON: %q", b.String())
		}
	}
}
