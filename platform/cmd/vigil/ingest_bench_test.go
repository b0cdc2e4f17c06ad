package main

import (
	"bufio"
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

// protocol is how the benchmark's thousand series are sent: the body of one of
// two senders, each with hosts of its own.
type protocol struct {
	path, media, encoding string
	body                  func(b *testing.B, sender int, at time.Time) []byte
}

// BenchmarkFigure_Ingest measures what a sample costs the collector's processor,
// from the socket to the fsync and the verdict of a policy: requests of a
// thousand known series, two in flight. Every sample is newer than the ones of
// its series before, so that the policy judges each; that it did is counted.
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
			const requests = 200 // of each sender
			at := time.Now().Add(-55 * time.Minute)
			bodies := func(n int) (of [2][][]byte) {
				for range n {
					at = at.Add(500 * time.Millisecond) // thirty turns fit into what is admitted
					for sender := range of {
						of[sender] = append(of[sender], p.body(b, sender, at))
					}
				}
				return of
			}
			p.send(b, server, bodies(10)) // the series are known from here on
			spent := time.Duration(0)
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				of := bodies(requests)
				judged := samplesJudged(b, server)
				b.StartTimer()
				before := processorTime(b, server.cmd.Process.Pid)
				p.send(b, server, of)
				until(b, 10*time.Second, "every sample is judged", func() bool {
					return samplesJudged(b, server) >= judged+2*requests*1000
				})
				spent += processorTime(b, server.cmd.Process.Pid) - before
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*2*requests*1000), "cpu-ns/sample")
		})
	}
}

// send posts each sender's bodies in order over a connection of its own.
func (p protocol) send(b *testing.B, server *process, of [2][][]byte) {
	b.Helper()
	var two sync.WaitGroup
	for _, bodies := range of {
		two.Go(func() {
			var direct http.Client
			for _, body := range bodies {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.Collector+p.path, bytes.NewReader(body))
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

// samplesJudged is how many samples the server's policies have judged so far.
func samplesJudged(b *testing.B, server *process) (n int) {
	b.Helper()
	resp, err := http.Get(server.Collector + "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "vigil_guest_samples_total{") {
			v, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
			if err != nil {
				b.Fatal(err)
			}
			n += int(v)
		}
	}
	return n
}

// benchSeries yields the labels of a sender's thousand series, as an exporter of
// hosts gives them.
func benchSeries(sender int, yield func(i int, labels []string)) {
	for i := range 1000 {
		host := fmt.Sprintf("web-%d", 16*sender+i/64)
		yield(i, []string{
			"cpu", fmt.Sprint(i % 64), "host", host, "instance", host + ".example.net:9100",
			"job", "node", "mode", "idle", "region", "eu-west-1",
		})
	}
}

func benchWrite(b *testing.B, sender int, at time.Time) []byte {
	b.Helper()
	var w prompb.WriteRequest
	benchSeries(sender, func(i int, labels []string) {
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

func benchOTLP(b *testing.B, sender int, at time.Time) []byte {
	b.Helper()
	var points []*metrics.NumberDataPoint
	benchSeries(sender, func(i int, labels []string) {
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
func benchInflux(b *testing.B, sender int, at time.Time) []byte {
	b.Helper()
	var enc lineprotocol.Encoder
	benchSeries(sender, func(i int, labels []string) {
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

func benchJSON(b *testing.B, sender int, at time.Time) []byte {
	b.Helper()
	var body strings.Builder
	benchSeries(sender, func(i int, labels []string) {
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
