package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestSenders_OpenTelemetry has OpenTelemetry's own SDK export to a collector, as
// README configures it: totals as they are, and differences that add up.
func TestSenders_OpenTelemetry(t *testing.T) {
	t.Parallel()
	p := daemonIn(t, t.TempDir(), "collector", "--listen", "127.0.0.1:0")
	for _, export := range []struct {
		service string
		how     sdk.TemporalitySelector
	}{{"totals", sdk.DefaultTemporalitySelector}, {"differences", sdk.DeltaTemporalitySelector}} {
		exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(p.Collector+"/v1/metrics"),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression), otlpmetrichttp.WithTemporalitySelector(export.how))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewPeriodicReader(exporter, sdk.WithInterval(time.Hour))),
			sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", export.service), attribute.String("host.name", "web-1"))))
		meter := provider.Meter("test")
		requests, _ := meter.Int64Counter("http.requests", metric.WithUnit("{request}"))
		latency, _ := meter.Float64Histogram("latency", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.1, 1))
		depth, _ := meter.Float64Gauge("queue.depth")
		for i := range 3 { // three exports
			requests.Add(t.Context(), 2, metric.WithAttributes(attribute.String("http.method", "GET")))
			latency.Record(t.Context(), 0.5)
			depth.Record(t.Context(), float64(i))
			if err := provider.ForceFlush(t.Context()); err != nil {
				t.Fatalf("export: %v", err)
			}
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		who := `{host="web-1",` + `job="` + export.service + `"}`
		wantNewest(t, p, `http_requests_total{host="web-1",http_method="GET",job="`+export.service+`"}`, 6)
		wantNewest(t, p, "queue_depth"+who, 2)
		wantNewest(t, p, "latency_seconds_count"+who, 3)
		wantNewest(t, p, strings.Replace("latency_seconds_bucket"+who, "}", `,le="1"}`, 1), 3)
		wantNewest(t, p, strings.Replace("latency_seconds_bucket"+who, "}", `,le="0.1"}`, 1), 0)
	}
}

// wantNewest finds the newest sample of a series.
func wantNewest(t *testing.T, p *process, series string, want float64) {
	t.Helper()
	name, _, _ := strings.Cut(series, "{")
	samples, err := p.api(t).Latest(t.Context(), 1000, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples { // newest first
		if got := (vigil.Series{Name: s.Name, Labels: s.Labels}).String(); got == series {
			if s.Value != want {
				t.Errorf("newest of %s = %v, want %v", series, s.Value, want)
			}
			return
		}
	}
	t.Errorf("no sample of %s among %v", series, samples)
}

// TestSenders_ReachWhatReadmeNames sends what Prometheus and Telegraf send, made
// by their own encoders, to the addresses in README's configurations.
func TestSenders_ReachWhatReadmeNames(t *testing.T) {
	t.Parallel()
	p := daemonIn(t, t.TempDir(), "collector", "--listen", "127.0.0.1:0")
	at := map[string]string{} // URL by the sender's word for it
	for _, b := range readmeBlocks(t) {
		for _, m := range regexp.MustCompile(`(url|urls|metrics_endpoint|endpoint)\s*[:=]\s*\[?"?(http[^\s"\]]+)`).FindAllStringSubmatch(b.text, -1) {
			at[b.language+" "+m[1]] = strings.Replace(m[2], "http://127.0.0.1:8000", p.Collector, 1)
		}
	}
	now := time.Now()
	write, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "up"}, {Name: "job", Value: "node"}},
		Samples: []prompb.Sample{{Timestamp: now.UnixMilli(), Value: 1}},
	}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	send(t, at["yml url"], snappy.Encode(nil, write), http.StatusNoContent, "Content-Encoding", "snappy",
		"Content-Type", "application/x-protobuf", "X-Prometheus-Remote-Write-Version", "0.1.0")
	wantNewest(t, p, `up{job="node"}`, 1)

	send(t, at["toml urls"]+"/query", []byte("q=CREATE+DATABASE+%22telegraf%22"), http.StatusOK, "Content-Type", "application/x-www-form-urlencoded")
	var enc lineprotocol.Encoder
	enc.StartLine("mem")
	enc.AddTag("host", "web-1")
	enc.AddField("used_percent", lineprotocol.MustNewValue(42.5))
	enc.EndLine(now)
	send(t, at["toml urls"]+"/write?consistency=any&db=telegraf", enc.Bytes(), http.StatusNoContent, "Content-Type", "text/plain; charset=utf-8")
	wantNewest(t, p, `mem_used_percent{host="web-1"}`, 42.5)

	send(t, at["yml metrics_endpoint"], []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"temp","gauge":{"dataPoints":[{"timeUnixNano":"`+
		fmt.Sprint(now.UnixNano())+`","asDouble":21}]}}]}]}]}`), http.StatusOK, "Content-Type", "application/json")
	wantNewest(t, p, "temp", 21)
}

func send(t *testing.T, url string, body []byte, want int, header ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	var direct http.Client
	resp, err := direct.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != want {
		t.Fatalf("POST %s = %d %s, want %d", url, resp.StatusCode, said, want)
	}
}
