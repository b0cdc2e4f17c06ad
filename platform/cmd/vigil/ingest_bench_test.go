package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// watchAll is one threshold policy that judges every sample of the benchmark.
const watchAll = `name: watch-all
module: threshold
select: '{__name__=~"node_.+"}'
settings: {above: 1e9}
target: host:{{host}}
mode: shadow
`

// protocol is how the benchmark's thousand series are sent.
type protocol struct {
	path, media, encoding string
	body                  func(b *testing.B, at time.Time) []byte
}

// BenchmarkFigure_Ingest measures what a sample costs the collector's processor,
// from the socket to the fsync and the verdict of a policy: requests of a
// thousand known series, two in flight.
func BenchmarkFigure_Ingest(b *testing.B) {
	for name, p := range map[string]protocol{
		"remote-write": {"/api/v1/write", "application/x-protobuf", "snappy", benchWrite},
		"otlp":         {"/v1/metrics", "application/x-protobuf", "", benchOTLP},
		"influx":       {"/write", "text/plain", "", benchInflux},
		"json":         {"/ingest", "application/json", "", benchJSON},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			policy := write(b, dir, "watch.yaml", watchAll)
			conf := write(b, dir, "vigil.yaml", "policies: "+policy+"\nservices: {}\n")
			server := launchReleased(b, dir, environ(dir), "--no-agent", "--no-demo", "--config", conf)
			defer stopAll(b, server)
			const requests = 400
			var bodies [][]byte
			for i := range requests {
				bodies = append(bodies, p.body(b, time.Now().Add(time.Duration(i-requests)*time.Second)))
			}
			p.send(b, server.Collector, bodies[:10]) // the series are known from here on
			b.ResetTimer()
			for b.Loop() {
				before := processorTime(b, server.cmd.Process.Pid)
				p.send(b, server.Collector, bodies)
				spent := processorTime(b, server.cmd.Process.Pid) - before
				b.ReportMetric(float64(spent.Nanoseconds())/(requests*1000), "cpu-ns/sample")
			}
		})
	}
}

// send posts the bodies over two connections.
func (p protocol) send(b *testing.B, collector string, bodies [][]byte) {
	b.Helper()
	next := make(chan []byte, len(bodies))
	for _, body := range bodies {
		next <- body
	}
	close(next)
	var two sync.WaitGroup
	for range 2 {
		two.Go(func() {
			var direct http.Client
			for body := range next {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, collector+p.path, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Content-Type", p.media)
				if p.encoding != "" {
					req.Header.Set("Content-Encoding", p.encoding)
				}
				resp, err := direct.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				resp.Body.Close()
				if resp.StatusCode >= 300 {
					b.Errorf("POST %s = %s", p.path, resp.Status)
				}
			}
		})
	}
	two.Wait()
}

// benchSeries yields the labels of a thousand series, as an exporter of hosts
// gives them.
func benchSeries(yield func(i int, labels []string)) {
	for i := range 1000 {
		yield(i, []string{
			"cpu", fmt.Sprint(i % 64), "host", fmt.Sprintf("web-%d", i/64), "instance", fmt.Sprintf("web-%d.example.net:9100", i/64),
			"job", "node", "mode", "idle", "region", "eu-west-1",
		})
	}
}

func benchWrite(b *testing.B, at time.Time) []byte {
	b.Helper()
	var w prompb.WriteRequest
	benchSeries(func(i int, labels []string) {
		ts := prompb.TimeSeries{
			Labels:  []prompb.Label{{Name: "__name__", Value: "node_cpu_seconds_total"}},
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: float64(i) + 0.5}},
		}
		for k := 0; k < len(labels); k += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: labels[k], Value: labels[k+1]})
		}
		w.Timeseries = append(w.Timeseries, ts)
	})
	raw, err := w.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return snappy.Encode(nil, raw)
}

func benchOTLP(b *testing.B, at time.Time) []byte {
	b.Helper()
	var points []*metrics.NumberDataPoint
	benchSeries(func(i int, labels []string) {
		p := &metrics.NumberDataPoint{TimeUnixNano: uint64(at.UnixNano()), Value: &metrics.NumberDataPoint_AsDouble{AsDouble: float64(i) + 0.5}}
		for k := 0; k < len(labels); k += 2 {
			p.Attributes = append(p.Attributes, &common.KeyValue{Key: labels[k], Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: labels[k+1]}}})
		}
		points = append(points, p)
	})
	raw, err := proto.Marshal(&collector.ExportMetricsServiceRequest{ResourceMetrics: []*metrics.ResourceMetrics{{ScopeMetrics: []*metrics.ScopeMetrics{{
		Metrics: []*metrics.Metric{{Name: "node.cpu.seconds", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: points}}}},
	}}}}})
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// benchInflux sends the thousand samples as a hundred lines of ten fields.
func benchInflux(b *testing.B, at time.Time) []byte {
	b.Helper()
	var enc lineprotocol.Encoder
	benchSeries(func(i int, labels []string) {
		if i >= 100 {
			return
		}
		enc.StartLine("node_cpu")
		for k := 0; k < len(labels); k += 2 {
			enc.AddTag(labels[k], labels[k+1])
		}
		for f := range 10 {
			enc.AddField("usage_"+strconv.Itoa(f), lineprotocol.MustNewValue(float64(i)+float64(f)/8))
		}
		enc.EndLine(at)
	})
	if err := enc.Err(); err != nil {
		b.Fatal(err)
	}
	return enc.Bytes()
}

func benchJSON(b *testing.B, at time.Time) []byte {
	b.Helper()
	var body strings.Builder
	benchSeries(func(i int, labels []string) {
		fmt.Fprintf(&body, `{"name":"node_cpu_seconds_total","value":%d.5,"ts":%d,"labels":{`, i, at.UnixMilli())
		for k := 0; k < len(labels); k += 2 {
			if k > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, "%q:%q", labels[k], labels[k+1])
		}
		body.WriteString("}}\n")
	})
	return []byte(body.String())
}

// processorTime is what a process has taken of all processors, in user and
// kernel mode: fields 14 and 15 of proc(5)'s stat, in ticks of 10 ms.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		b.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
