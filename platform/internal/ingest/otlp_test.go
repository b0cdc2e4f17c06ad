package ingest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	delta      = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
)

// attributes makes string attributes of pairs.
func attributes(pairs ...string) (out []*common.KeyValue) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, &common.KeyValue{Key: pairs[i], Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: pairs[i+1]}}})
	}
	return out
}

// at is a time after start as OTLP tells it.
func at(seconds float64) uint64 { return uint64(start.UnixNano() + int64(seconds*1e9)) }

func double(seconds, v float64, pairs ...string) *metricspb.NumberDataPoint {
	return &metricspb.NumberDataPoint{
		TimeUnixNano: at(seconds), Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: v}, Attributes: attributes(pairs...),
	}
}

func gauge(name, unit string, points ...*metricspb.NumberDataPoint) *metricspb.Metric {
	return &metricspb.Metric{Name: name, Unit: unit, Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points}}}
}

func counter(name, unit string, how metricspb.AggregationTemporality, points ...*metricspb.NumberDataPoint) *metricspb.Metric {
	return &metricspb.Metric{Name: name, Unit: unit, Data: &metricspb.Metric_Sum{
		Sum: &metricspb.Sum{DataPoints: points, AggregationTemporality: how, IsMonotonic: true},
	}}
}

func histogram(name string, how metricspb.AggregationTemporality, points ...*metricspb.HistogramDataPoint) *metricspb.Metric {
	return &metricspb.Metric{Name: name, Unit: "ms", Data: &metricspb.Metric_Histogram{
		Histogram: &metricspb.Histogram{DataPoints: points, AggregationTemporality: how},
	}}
}

// export encodes metrics of one resource as the SDKs do.
func export(t testing.TB, of []*common.KeyValue, metrics ...*metricspb.Metric) []byte {
	t.Helper()
	body, err := proto.Marshal(&collector.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource:     &resource.Resource{Attributes: of},
		ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: metrics}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func otlp(t testing.TB, in *ingest.Ingest, body []byte) (flow.Receipt, error) {
	t.Helper()
	return in.OTLP(t.Context(), flow.IngestRequest{Body: body, ContentType: "application/x-protobuf", Started: start})
}

func TestOTLP_StoresAsPrometheusWould(t *testing.T) {
	t.Parallel()
	f := func(name string, body []byte, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			if got, err := otlp(t, in, body); err != nil || got.Refused != 0 {
				t.Fatalf("OTLP = %+v, %v", got, err)
			}
			if diff := cmp.Diff(want, w.stored()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
	integer := double(0, 0)
	integer.Value = &metricspb.NumberDataPoint_AsInt{AsInt: -7}
	f("gauge", export(t, nil, gauge("queue.length", "{item}", double(1, 3, "service", "web"), integer)), `queue_length{service="web"} 3 1s`, "queue_length -7 0s")
	f("ratio", export(t, nil, gauge("cpu.utilization", "1", double(0, 0.5))), "cpu_utilization_ratio 0.5 0s")
	f("counter", export(t, nil, counter("http.requests", "1", cumulative, double(0, 9))), "http_requests_total 9 0s")
	f("unit", export(t, nil, counter("net.io", "By/s", cumulative, double(0, 9))), "net_io_bytes_per_second_total 9 0s")
	f("labels", export(t, nil, gauge("a", "", double(0, 1, "http.method", "GET", "1st", "x", "empty", ""))), `a{http_method="GET",key_1st="x"} 1 0s`)
	f("labels-that-become-one", export(t, nil, gauge("a", "", double(0, 1, "x.y", "1", "x-y", "2"))), `a{x_y="1;2"} 1 0s`)
	f("resource", export(t, attributes("service.namespace", "shop", "service.name", "cart", "service.instance.id", "i-1", "host.name", "web-1", "os.type", "linux"),
		gauge("a", "", double(2, 1, "job", "mine"), double(1, 2, "host", "own"))),
		`a{host="web-1",instance="i-1",job="shop/cart"} 1 2s`, `a{host="own",instance="i-1",job="shop/cart"} 2 1s`,
		`target_info{host="web-1",host_name="web-1",instance="i-1",job="shop/cart",os_type="linux"} 1 2s`)
	f("resource-without-more", export(t, attributes("service.name", "cart"), gauge("a", "", double(0, 1))), `a{job="cart"} 1 0s`)
	f("histogram", export(t, nil, histogram("latency", cumulative, &metricspb.HistogramDataPoint{
		TimeUnixNano: at(0), Count: 6, Sum: new(12.5), BucketCounts: []uint64{1, 2, 3}, ExplicitBounds: []float64{0.5, 10}, Attributes: attributes("route", "/"),
	})), `latency_milliseconds_sum{route="/"} 12.5 0s`, `latency_milliseconds_count{route="/"} 6 0s`, `latency_milliseconds_bucket{le="0.5",route="/"} 1 0s`,
		`latency_milliseconds_bucket{le="10",route="/"} 3 0s`, `latency_milliseconds_bucket{le="+Inf",route="/"} 6 0s`)
	f("histogram-without-buckets", export(t, nil, histogram("latency", cumulative, &metricspb.HistogramDataPoint{TimeUnixNano: at(0), Count: 2})),
		"latency_milliseconds_count 2 0s", `latency_milliseconds_bucket{le="+Inf"} 2 0s`)
	f("summary", export(t, nil, &metricspb.Metric{Name: "rpc", Data: &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: []*metricspb.SummaryDataPoint{{
		TimeUnixNano: at(0), Count: 4, Sum: 8, QuantileValues: []*metricspb.SummaryDataPoint_ValueAtQuantile{{Quantile: 0.99, Value: 3}},
	}}}}}), "rpc_sum 8 0s", "rpc_count 4 0s", `rpc{quantile="0.99"} 3 0s`)
	f("not-finite", export(t, nil, gauge("a", "", double(0, math.NaN()), double(1, math.Inf(1)))), "a NaN 0s", "a +Inf 1s")
	f("nothing", nil)
	f("kinds-of-values", export(t, nil, gauge("a", "", &metricspb.NumberDataPoint{
		TimeUnixNano: at(0), Value: &metricspb.NumberDataPoint_AsInt{AsInt: 1}, Attributes: []*common.KeyValue{
			{Key: "b", Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}},
			{Key: "d", Value: &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: 0.25}}},
			{Key: "i", Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: -3}}},
			{Key: "l", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{
				{Value: &common.AnyValue_StringValue{StringValue: "x\"y"}}, {Value: &common.AnyValue_IntValue{IntValue: 1}},
			}}}}},
			{Key: "m", Value: &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: attributes("k", "v")}}}},
			{Key: "x", Value: &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte("hi")}}},
		},
	})), `a{b="true",d="0.25",i="-3",l="[\"x\\\"y\",1]",m="{\"k\":\"v\"}",x="aGk="} 1 0s`)
}

func TestOTLP_ReadsJSONAsItReadsProtobuf(t *testing.T) {
	t.Parallel()
	body := `{"resourceMetrics":[{"schemaUrl":"x","resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}},{"key":"n","value":{"intValue":"3"}}]},
	 "scopeMetrics":[{"scope":{"name":"s"},"metrics":[
	  {"name":"temp","unit":"Cel","description":"d","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000","asDouble":21.5,
	    "exemplars":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]},
	    {"timeUnixNano":1700000001000000000,"asDouble":"NaN"},{"timeUnixNano":"1700000002000000000","asInt":"-4","attributes":[
	     {"key":"f","value":{"doubleValue":1.5}},{"key":"b","value":{"boolValue":false}},{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"\u00e9"}]}}}]}]}},
	  {"name":"reqs","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"1700000000000000000","asInt":7,"newField":{"deep":[1]}}]}},
	  {"name":"lat","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"1700000000000000000","count":"3","sum":4,"bucketCounts":["1",2],"explicitBounds":[0.5]}]}},
	  {"name":"gone","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000","flags":1}]}}]}]}]}`
	w, in := newWorld()
	got, err := in.OTLP(t.Context(), flow.IngestRequest{Body: []byte(body), ContentType: "application/json; charset=utf-8"})
	if err != nil || got.Refused != 0 || got.Accepted != 6 {
		t.Fatalf("OTLP = %+v, %v", got, err)
	}
	want := []string{
		`temp_celsius{job="cart"} 21.5 0s`, `temp_celsius{job="cart"} NaN 1s`, `temp_celsius{a="[\"é\"]",b="false",f="1.5",job="cart"} -4 2s`,
		`reqs_total{job="cart"} 7 0s`, `lat_sum{job="cart"} 4 0s`, `lat_count{job="cart"} 3 0s`, `lat_bucket{job="cart",le="0.5"} 1 0s`,
		`lat_bucket{job="cart",le="+Inf"} 3 0s`, `gone{job="cart"} NaN 0s`, `target_info{job="cart",n="3"} 1 2s`,
	}
	if diff := cmp.Diff(want, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if gone := w.offered[0].Runs[7]; gone.Flags != abi.FlagStale {
		t.Errorf("a point without a value = %+v, want flag stale", gone)
	}
}

func TestOTLP_LeavesInadmissiblePointsOut(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprintf("l%d", i), "v")
	}
	f := func(name string, bad *metricspb.Metric, field, code string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			got, err := otlp(t, in, export(t, nil, gauge("ok", "", double(0, 1)), bad, gauge("ok2", "", double(0, 2))))
			want := flow.Receipt{Accepted: 2, Refused: 1, Rejected: []flow.Rejection{{Index: 1, Field: field, Code: code}}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("OTLP: %v (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff([]string{"ok 1 0s", "ok2 2 0s"}, w.stored()); diff != "" || len(w.ids) != 2 {
				t.Errorf("%d series named, stored (-want +got):\n%s", len(w.ids), diff)
			}
			w, in = newWorld()
			if _, err := otlp(t, in, export(t, attributes("service.name", "x", "y", "z"), bad)); vigil.CodeOf(err) != code || len(w.batches) != 0 {
				t.Errorf("alone: %v and %d batches, want code %s", err, len(w.batches), code)
			}
		})
	}
	f("too-old", gauge("a", "", double(-3601, 1)), "ts", "sample_too_old")
	f("too-new", gauge("a", "", double(601, 1)), "ts", "sample_too_new")
	endless := double(0, 1)
	endless.TimeUnixNano = math.MaxUint64
	f("time-overflow", gauge("a", "", endless), "ts", "sample_too_new")
	f("no-time", gauge("a", "", &metricspb.NumberDataPoint{Value: &metricspb.NumberDataPoint_AsInt{}}), "time_unix_nano", "sample_ts_missing")
	f("no-value", gauge("a", "", &metricspb.NumberDataPoint{TimeUnixNano: at(0)}), "value", "sample_value_missing")
	f("no-name", gauge("", "", double(0, 1)), "name", "sample_name_missing")
	f("name-of-signs", gauge("<>", "", double(0, 1)), "name", "name_invalid")
	f("long-name", gauge(strings.Repeat("x", 300), "", double(0, 1)), "name", "name_limit")
	f("10k-labels", gauge("a", "", double(0, 1, many...)), "labels", "label_limit")
	f("nul", gauge("a", "", double(0, 1, "k", "a\x00b")), "labels", "label_invalid_utf8")
	f("ansi", gauge("a", "", double(0, 1, "k", "\x1b[2J")), "labels", "label_invalid")
	f("reserved", gauge("a", "", double(0, 1, "__name__", "b")), "labels", "label_name_invalid")
	f("empty-key", gauge("a", "", double(0, 1, "", "b")), "attributes", "label_name_invalid")
	f("exponential", &metricspb.Metric{Name: "e", Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{
		AggregationTemporality: cumulative, DataPoints: []*metricspb.ExponentialHistogramDataPoint{{TimeUnixNano: at(0), Count: 1, Attributes: attributes("a", "b")}},
	}}}, "metric", "exponential_histogram_unsupported")
	f("temporality", counter("a", "", 0, double(0, 1)), "aggregation_temporality", "temporality_unspecified")
	f("buckets", histogram("a", cumulative, &metricspb.HistogramDataPoint{TimeUnixNano: at(0), BucketCounts: []uint64{1}, ExplicitBounds: []float64{1, 2}}), "bucket_counts", "histogram_invalid")
	f("bounds", histogram("a", cumulative, &metricspb.HistogramDataPoint{TimeUnixNano: at(0), BucketCounts: []uint64{1, 1, 1}, ExplicitBounds: []float64{2, 2}}), "bucket_counts", "histogram_invalid")
	f("delta-not-finite", counter("a", "", delta, double(0, math.Inf(1))), "value", "sample_not_finite")
}

func TestOTLP_AddsDeltasUp(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	send := func(metrics ...*metricspb.Metric) flow.Receipt {
		t.Helper()
		got, err := otlp(t, in, export(t, nil, metrics...))
		if err != nil && vigil.CodeOf(err) != "delta_out_of_order" && w.refuse == nil {
			t.Fatal(err)
		}
		return got
	}
	bucket := func(seconds float64, counts ...uint64) *metricspb.HistogramDataPoint {
		return &metricspb.HistogramDataPoint{TimeUnixNano: at(seconds), Count: counts[0] + counts[1], BucketCounts: counts, ExplicitBounds: []float64{1}}
	}
	send(counter("n", "", delta, double(1, 5), double(2, 1)), histogram("h", delta, bucket(1, 2, 1)))
	send(counter("n", "", delta, double(3, 4)), histogram("h", delta, bucket(2, 1, 0)))
	if got := send(counter("n", "", delta, double(3, 4)), gauge("g", "", double(0, 1))); got.Refused != 1 || got.Rejected[0].Code != "delta_out_of_order" {
		t.Errorf("a delta sent twice = %+v, want it refused", got)
	}
	w.refuse = vigil.Errorf(vigil.Busy, "ingest_overload", "full")
	send(counter("n", "", delta, double(4, 100), double(5, 100)), counter("fresh", "", delta, double(4, 100)))
	w.refuse = nil
	send(counter("n", "", delta, double(4, 10)), counter("fresh", "", delta, double(4, 1)))
	want := []string{
		"n_total 5 1s", "n_total 6 2s", "h_milliseconds_count 3 1s", `h_milliseconds_bucket{le="1"} 2 1s`, `h_milliseconds_bucket{le="+Inf"} 3 1s`,
		"n_total 10 3s", "h_milliseconds_count 4 2s", `h_milliseconds_bucket{le="1"} 3 2s`, `h_milliseconds_bucket{le="+Inf"} 4 2s`,
		"g 1 0s", "n_total 20 4s", "fresh_total 1 4s",
	}
	if diff := cmp.Diff(want, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestOTLP_AdmitsAHistogramWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	w.limit = 3
	point := &metricspb.HistogramDataPoint{TimeUnixNano: at(0), Count: 1, BucketCounts: []uint64{1, 0, 0}, ExplicitBounds: []float64{1, 2}}
	got, err := otlp(t, in, export(t, nil, gauge("g", "", double(0, 1)), histogram("h", cumulative, point)))
	want := flow.Receipt{Accepted: 1, Refused: 1, Rejected: []flow.Rejection{{Index: 1, Field: "labels", Code: "series_limit"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("OTLP: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"g 1 0s"}, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestOTLP_RefusesTheWholeBody(t *testing.T) {
	t.Parallel()
	f := func(name, contentType string, body []byte, code string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			_, err := in.OTLP(t.Context(), flow.IngestRequest{Body: body, ContentType: contentType})
			if vigil.CodeOf(err) != code {
				t.Errorf("OTLP = %v, want code %s", err, code)
			}
			if len(w.batches)+len(w.offered)+len(w.ids) != 0 {
				t.Error("something was stored")
			}
		})
	}
	const pb, js = "application/x-protobuf", "application/json"
	whole := export(t, attributes("service.name", "x"), gauge("a", "", double(0, 1, "k", "v")), histogram("h", cumulative, &metricspb.HistogramDataPoint{TimeUnixNano: at(0), Count: 1}))
	for _, n := range []int{1, 2, 10, 30, len(whole) / 2, len(whole) - 1} {
		f(fmt.Sprintf("cut-at-%d", n), pb, whole[:n], "protobuf_invalid")
	}
	f("text", pb, []byte("hello world"), "protobuf_invalid")
	twice, err := proto.Marshal(gauge("a", "", double(0, 1)))
	if err != nil {
		t.Fatal(err)
	}
	f("two-kinds-of-data", pb, part(nil, 1, part(nil, 2, part(nil, 2, append(twice, part(nil, otlpSumField, nil)...)))), "protobuf_invalid")
	f("no-content-type", "", whole, "content_type_unsupported")
	f("html", "text/html", whole, "content_type_unsupported")
	f("json-as-protobuf", pb, []byte(`{"resourceMetrics":[]}`), "protobuf_invalid")
	f("protobuf-as-json", js, whole, "json_invalid")
	f("json-empty", js, nil, "body_empty")
	f("json-cut", js, []byte(`{"resourceMetrics":[{"resource":`), "json_type")
	f("json-array", js, []byte(`[]`), "json_invalid")
	f("json-trailing", js, []byte(`{} x`), "json_invalid")
	f("json-type", js, []byte(`{"resourceMetrics":{}}`), "json_type")
	f("json-number", js, []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asDouble":"0x1"}]}}]}]}]}`), "json_type")
	f("json-integer", js, []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"timeUnixNano":"1e9"}]}}]}]}]}`), "json_type")
	f("json-utf8", js, []byte("{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"\xff\"}]}]}]}"), "json_invalid_utf8")
	f("json-duplicate-key", js, []byte(`{"resourceMetrics":[],"resourceMetrics":[]}`), "json_duplicate_key")
	f("json-depth", js, []byte(strings.Repeat(`{"a":`, 10_000)), "json_depth")
	f("json-depth-of-values", js, []byte(`{"resourceMetrics":[{"resource":{"attributes":[{"value":`+strings.Repeat(`{"arrayValue":{"values":[`, 5000)), "json_depth")
	zeros := `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[0` + strings.Repeat(",0", 3<<20)
	f("json-bomb", js, []byte(zeros), "body_too_large")
}

// otlpSumField is the number of Metric.sum.
const otlpSumField = 7

// FuzzOTLP holds the reader against OpenTelemetry's own types: what it takes,
// they take, and it finds as many points in.
func FuzzOTLP(f *testing.F) {
	f.Add(export(f, attributes("service.name", "x", "os", "linux"), gauge("a.b", "ms", double(0, 1, "k.x", "v"), double(-9000, 1)), counter("c", "1", delta, double(0, 2)),
		histogram("h", cumulative, &metricspb.HistogramDataPoint{TimeUnixNano: at(0), Count: 3, BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{1}})), false)
	f.Add([]byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000","asInt":"1"}]}}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		w, in := newWorld()
		contentType := "application/x-protobuf"
		if asJSON {
			contentType = "application/json"
		}
		got, err := in.OTLP(t.Context(), flow.IngestRequest{Body: body, ContentType: contentType})
		if vigil.CodeOf(err) == "internal" || (err != nil && len(w.batches) != 0) {
			t.Fatalf("OTLP(%q) = %v with %d batches", body, err, len(w.batches))
		}
		if err != nil {
			return
		}
		if asJSON {
			if !json.Valid(body) {
				t.Fatalf("OTLP took %q, which is no JSON", body)
			}
			return
		}
		var want collector.ExportMetricsServiceRequest
		if proto.Unmarshal(body, &want) != nil {
			t.Skip("fields that are passed over are not looked into")
		}
		if !strings.Contains(want.String(), "DELTA") { // which add up, and need not be new twice
			sameAsNew(t, 3, func(_ int, in *ingest.Ingest) (flow.Receipt, error) { return otlp(t, in, body) })
		}
		if n := countPoints(&want); got.Accepted+got.Refused != n {
			t.Fatalf("OTLP(%x): %d + %d points, OpenTelemetry finds %d", body, got.Accepted, got.Refused, n)
		}
	})
}

func countPoints(r *collector.ExportMetricsServiceRequest) (n int) {
	for _, rm := range r.GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				n += len(m.GetGauge().GetDataPoints()) + len(m.GetSum().GetDataPoints()) + len(m.GetHistogram().GetDataPoints()) +
					len(m.GetExponentialHistogram().GetDataPoints()) + len(m.GetSummary().GetDataPoints())
			}
		}
	}
	return n
}

// service is what an instrumented service tells of a hundred routes: one counter,
// one gauge and a histogram of eight buckets each, a thousand samples in all.
func service() (metrics []*metricspb.Metric) {
	var requests, active []*metricspb.NumberDataPoint
	var latency []*metricspb.HistogramDataPoint
	for i := range 1000 / 12 {
		labels := []string{"http.request.method", "GET", "http.route", fmt.Sprintf("/api/v1/things/%d", i), "server.address", "web-1"}
		requests, active = append(requests, double(0, float64(i), labels...)), append(active, double(0, 1, labels...))
		latency = append(latency, &metricspb.HistogramDataPoint{
			TimeUnixNano: at(0), Count: 36, Sum: new(3.0), BucketCounts: []uint64{1, 2, 3, 4, 5, 6, 7, 8},
			ExplicitBounds: []float64{.005, .01, .025, .05, .1, .25, .5}, Attributes: attributes(labels...),
		})
	}
	return slices.Concat([]*metricspb.Metric{counter("http.server.requests", "1", cumulative, requests...)},
		[]*metricspb.Metric{gauge("http.server.active_requests", "{request}", active...)}, []*metricspb.Metric{histogram("http.server.request.duration", cumulative, latency...)})
}

// serviceSamples is how many samples a request of otlpService holds: twelve for
// each route, and target_info.
const serviceSamples = 1000/12*12 + 1

func otlpService(b *testing.B) []byte {
	b.Helper()
	return export(b, attributes("service.name", "cart", "service.instance.id", "i-1", "host.name", "web-1", "os.type", "linux"), service()...)
}

func BenchmarkDecodeOTLP(b *testing.B) {
	body := otlpService(b)
	benchDecode(b, serviceSamples, func(in *ingest.Ingest) error {
		_, err := otlp(b, in, body)
		return err
	})
}

func BenchmarkDecodeOTLPJSON(b *testing.B) {
	one := `{"timeUnixNano":"1700000000000000000","asDouble":21.5,"attributes":[{"key":"http.route","value":{"stringValue":"/api/v1/things/%d"}},{"key":"server.address","value":{"stringValue":"web-1"}}]}`
	var points []string
	for i := range 1000 {
		points = append(points, fmt.Sprintf(one, i))
	}
	body := []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"temp","unit":"Cel","gauge":{"dataPoints":[` + strings.Join(points, ",") + `]}}]}]}]}`)
	benchDecode(b, 1000, func(in *ingest.Ingest) error {
		_, err := in.OTLP(b.Context(), flow.IngestRequest{Body: body, ContentType: "application/json", Started: time.Time{}})
		return err
	})
}
