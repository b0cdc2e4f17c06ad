package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
)

// ready is a store that finds series as the real one does, and appends nothing.
type ready struct{ *metrics.Store }

func (ready) Append(context.Context, *flow.Batch) error { return nil }
func (ready) Offer(*flow.Batch)                         {}

// noJournal is an empty disk.
type noJournal struct {
	metrics.Journal
	metrics.Past
}

func (noJournal) EachSeries(context.Context, func(flow.SeriesRow) error) error { return nil }

func (noJournal) EachLog(context.Context, int64, int64, int64, func(flow.LogRow) error) error {
	return nil
}

func (noJournal) Sealed(context.Context) (flow.Sealed, error) { return flow.Sealed{}, nil }

// benchDecode measures a request of so many samples of known series, from the
// bytes of its body to the batch.
func benchDecode(b *testing.B, samples int, post func(*ingest.Ingest) error) {
	b.Helper()
	store, err := metrics.Open(b.Context(), metrics.Disk{Journal: noJournal{}, Past: noJournal{}}, metrics.Options{Now: func() time.Time { return start }})
	if err != nil {
		b.Fatal(err)
	}
	in := ingest.New(ingest.Options{Store: ready{store}, Sink: ready{}, Now: func() time.Time { return start }})
	b.ReportAllocs()
	for b.Loop() {
		if err := post(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
}

// BenchmarkPeerDecode measures what only parsing the same requests costs with the
// libraries of their makers: no series is looked up, nothing is laid out.
func BenchmarkPeerDecode(b *testing.B) {
	f := func(name string, samples int, body []byte, parse func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
		})
	}
	f("RemoteWrite", 1000, writeRequest(b, thousand()...), func(body []byte) error {
		return new(prompb.WriteRequest).Unmarshal(body)
	})
	f("OTLP", serviceSamples, otlpService(b), func(body []byte) error {
		return proto.Unmarshal(body, new(collector.ExportMetricsServiceRequest))
	})
	f("Influx", 1000, []byte(processors()), func(body []byte) error {
		if _, _, ok := decodeReal(string(body)); !ok {
			return errors.New("not read")
		}
		return nil
	})
}
