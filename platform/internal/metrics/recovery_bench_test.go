package metrics_test

import (
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkRecovery opens what a killed store left: pages of history to 1 GB,
// and a log of 64 MiB, which is sealed beyond that, all of it so new that it must
// be replayed. It reports the time until the store can take a sample.
func BenchmarkRecovery(b *testing.B) {
	const hosts = 10_000
	now := start
	j := newJournal(b, nil)
	o := metrics.Options{Now: func() time.Time { return now }, MaxLogBytes: 128 << 20} // not sealed while it is made
	s, stop := open(b, j, o)
	random := rand.New(rand.NewPCG(1, 2))
	one := &flow.Batch{}
	for i := range hosts {
		id, meta, err := intern(s, "node_load", vigil.Labels{"host": "web-" + strconv.Itoa(i), "env": "prod"})
		if err != nil {
			b.Fatal(err)
		}
		one.Runs = append(one.Runs, flow.Run{ID: id, Meta: meta, First: uint32(i), Count: 1})
		one.Times, one.Values = append(one.Times, 0), append(one.Values, 0)
	}
	for logged := int64(0); logged < 64<<20; logged = j.count(b, "SELECT sum(size) FROM log") {
		now = now.Add(time.Second)
		one.Received = now
		for i := range one.Times {
			one.Times[i], one.Values[i] = now.UnixNano(), random.Float64()
		}
		appendAll(b, s, one)
	}
	stop()
	fillPages(b, j, hosts, random)
	j.shut(b)
	file, err := os.Stat(j.path)
	if err != nil {
		b.Fatal(err)
	}
	best := math.Inf(1)
	for b.Loop() {
		j.DB = nil
		begin := time.Now()
		j.reopen(b)
		again, err := metrics.Open(b.Context(), j.disk(), o)
		if err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(begin).Seconds()*1000)
		if again.Series() != hosts {
			b.Fatalf("%d series", again.Series())
		}
		j.shut(b)
	}
	b.ReportMetric(best, "ready-ms")
	b.ReportMetric(float64(file.Size())/1e6, "disk-MB")
	b.ReportMetric(now.Sub(start).Seconds(), "log-s")
}

// fillPages adds blocks of an hour to 1 GB, the newest an hour old.
func fillPages(b *testing.B, j *journal, hosts int, random *rand.Rand) {
	b.Helper()
	enc, err := page.NewEncoder()
	if err != nil {
		b.Fatal(err)
	}
	total := int64(0)
	for n := int64(1); total < 930<<20; n++ {
		block := flow.EmptyBlock(n, 0, -1e9+n)
		var pages []flow.Page
		flush := func() {
			span, data := enc.Span, enc.Take(nil)
			ref := flow.PageRef{
				MinSeries: span.MinSeries, MaxSeries: span.MaxSeries, MinTime: span.MinTime, MaxTime: span.MaxTime, Samples: span.Samples,
			}
			pages = append(pages, flow.Page{PageRef: ref, Checksum: uint64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))), Data: data})
			block.Count(ref, len(data))
			if len(pages) >= 64 {
				if err := j.AddPages(b.Context(), block, pages); err != nil {
					b.Fatal(err)
				}
				pages = nil
			}
		}
		from := start.Add(-time.Duration(n) * time.Hour)
		for id := range hosts {
			c := page.Chunk{Series: uint64(id + 1)}
			for i := range 360 {
				c.Times = append(c.Times, from.Add(time.Duration(i)*10*time.Second).UnixNano())
				c.Values = append(c.Values, random.Float64())
			}
			if enc.Add(c); enc.Full() {
				flush()
			}
		}
		if !enc.Empty() {
			flush()
		}
		if err := j.AddPages(b.Context(), block, pages); err != nil {
			b.Fatal(err)
		}
		if err := j.Settle(b.Context(), flow.Settlement{Live: &block}); err != nil {
			b.Fatal(err)
		}
		total += block.Bytes
	}
}
