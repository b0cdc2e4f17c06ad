package metrics_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkRecovery_AMillionSeries opens a store that knows a million series, of
// which each has one sample in the last minutes. It reports the time until the
// store can take a sample, and how much of it the series' rows take.
func BenchmarkRecovery_AMillionSeries(b *testing.B) {
	const million, batched = 1_000_000, 10_000
	now := start
	j := newJournal(b, nil)
	o := metrics.Options{Now: func() time.Time { return now }, MaxLogBytes: 128 << 20}
	s, stop := open(b, j, o)
	for from := 0; from < million; from += batched {
		one := &flow.Batch{Received: now}
		for i := range batched {
			id, meta, err := intern(s, "container_metric_"+strconv.Itoa((from+i)%10), vigil.Labels{
				"host": "node-" + strconv.Itoa((from+i)/1000), "container": "c-" + strconv.Itoa(from+i), "namespace": "prod", "region": "eu-central-1",
			})
			if err != nil {
				b.Fatal(err)
			}
			one.Runs = append(one.Runs, flow.Run{ID: id, Meta: meta, First: uint32(i), Count: 1})
			one.Times, one.Values = append(one.Times, now.UnixNano()), append(one.Values, float64(i))
		}
		appendAll(b, s, one)
	}
	stop()
	j.shut(b)
	best, series := math.Inf(1), math.Inf(1)
	for b.Loop() {
		j.DB = nil
		begin := time.Now()
		j.reopen(b)
		opened := time.Now()
		again, err := metrics.Open(b.Context(), j.disk(), o)
		if err != nil {
			b.Fatal(err)
		}
		best, series = min(best, time.Since(begin).Seconds()), min(series, time.Since(opened).Seconds())
		if again.Series() != million {
			b.Fatalf("%d series", again.Series())
		}
		j.shut(b)
	}
	b.ReportMetric(best, "ready-s")
	b.ReportMetric(series, "open-s")
	b.ReportMetric(0, "ns/op")
}
