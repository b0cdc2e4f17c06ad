package metrics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkDisk appends a day of gauges, ten seconds apart, seals them and
// closes, and reports the bytes on disk and the time that both took for a
// sample, labels and indexes included. The gauges are percentages with two
// decimals that change at every third measurement.
func BenchmarkDisk(b *testing.B) {
	const hosts, gauges, rounds = 10, 20, 8640
	runs := 0
	for b.Loop() {
		runs++
		now := start
		j := newJournal(b, nil)
		s, stop := open(b, j, metrics.Options{Now: func() time.Time { return now }})
		random := rand.New(rand.NewPCG(1, 2))
		one := &flow.Batch{}
		for i := range hosts * gauges {
			labels := vigil.Labels{"host": fmt.Sprintf("web-%d", i%hosts), "job": "node", "env": "prod"}
			id, meta, err := intern(s, fmt.Sprintf("node_gauge_%d", i/hosts), labels)
			if err != nil {
				b.Fatal(err)
			}
			one.Runs = append(one.Runs, flow.Run{ID: id, Meta: meta, First: uint32(i), Count: 1})
			one.Times = append(one.Times, 0)
			one.Values = append(one.Values, float64(random.IntN(10000))/100)
		}
		for range rounds {
			now = now.Add(10 * time.Second)
			one.Received = now
			for i := range one.Times {
				one.Times[i] = now.Add(time.Duration(i%hosts) * time.Millisecond).UnixNano()
				if random.IntN(3) == 0 {
					one.Values[i] = math.Round((one.Values[i]+random.NormFloat64())*100) / 100
				}
			}
			appendAll(b, s, one)
		}
		now = now.Add(3 * time.Hour)
		if err := s.Tidy(b.Context(), now); err != nil {
			b.Fatal(err)
		}
		stop()
		j.shut(b)
		samples := float64(hosts * gauges * rounds)
		file, err := os.Stat(j.path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(file.Size())/samples, "B/sample")
		b.ReportMetric(float64(j.count(b, "SELECT sum(bytes) FROM blocks"))/samples, "page-B/sample")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(runs)/samples, "ns/sample")
	}
}
