package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
)

// ready is a store that finds series as the real one does, and appends nothing.
type ready struct{ *metrics.Store }

func (ready) Append(context.Context, *flow.Batch) error { return nil }
func (ready) Offer(*flow.Batch)                         {}

// noJournal is an empty disk.
type noJournal struct{ metrics.Journal }

func (noJournal) EachSeries(context.Context, func(flow.SeriesRow) error) error { return nil }

func (noJournal) EachLog(context.Context, int64, int64, func(flow.LogRow) error) error { return nil }

// benchDecode measures a request of so many samples of known series, from the
// bytes of its body to the batch.
func benchDecode(b *testing.B, samples int, post func(*ingest.Ingest) error) {
	b.Helper()
	store, err := metrics.Open(b.Context(), noJournal{}, metrics.Options{Now: func() time.Time { return start }})
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
