package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/prompb"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// sameAsNew posts to an Ingest that remembers what it has read and to others that
// have just been made, and holds what they answer and store against each other.
func sameAsNew(t *testing.T, requests int, post func(request int, in *ingest.Ingest) (flow.Receipt, error)) {
	t.Helper()
	known, in := newWorld()
	fresh, _ := newWorld()
	for i := range requests {
		known.batches, fresh.batches = nil, nil
		got, err := post(i, in)
		want, wantErr := post(i, fresh.ingest())
		if diff := cmp.Diff(want, got); diff != "" || vigil.CodeOf(err) != vigil.CodeOf(wantErr) {
			t.Fatalf("request %d: %v, want %v; receipt (-want +got):\n%s", i, err, wantErr, diff)
		}
		if diff := cmp.Diff(fresh.stored(), known.stored()); diff != "" {
			t.Fatalf("request %d: stored (-want +got):\n%s", i, diff)
		}
	}
}

// tags are the labels of ten series that are hard to tell apart.
func tags(i int) []string {
	return [][]string{
		{"a", "1"},
		{"a", "12"},
		{"a", "1", "b", "2"},
		{"b", "2", "a", "1"}, // the same one
		{"a", "1", "b", "22"},
		{"a", "1", "bb", "2"},
		{"a", "1", "b", ""}, // the first one
		{"a", "x y,z=1"},
		{"a", "x"},
		{"host", "h\\", "a", "1"},
	}[i]
}

func TestWordings_ChangeNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		draw := rand.New(rand.NewPCG(seed, 1))
		bodies := make([][3][]byte, 12)
		for i := range bodies {
			bodies[i] = [3][]byte{randomWrite(t, draw), []byte(randomLines(draw)), randomExport(t, draw)}
		}
		again := func(i int) [3][]byte { return bodies[(i*7)%len(bodies)] }
		sameAsNew(t, 60, func(i int, in *ingest.Ingest) (flow.Receipt, error) { return remoteWrite(t, in, again(i)[0]) })
		sameAsNew(t, 60, func(i int, in *ingest.Ingest) (flow.Receipt, error) { return influx(t, in, string(again(i)[1]), 1) })
		sameAsNew(t, 60, func(i int, in *ingest.Ingest) (flow.Receipt, error) { return otlp(t, in, again(i)[2]) })
	}
}

func randomWrite(t *testing.T, draw *rand.Rand) []byte {
	t.Helper()
	var all []prompb.TimeSeries
	for range draw.IntN(12) {
		ts := timeSeries(named(fmt.Sprint("m", draw.IntN(3)), tags(draw.IntN(10))...), -float64(draw.IntN(4)), draw.Float64(), float64(draw.IntN(4)), 1)
		if draw.IntN(6) == 0 {
			ts.Exemplars = []prompb.Exemplar{{Value: 1}}
		}
		if draw.IntN(9) == 0 {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: 1})
		}
		all = append(all, ts)
	}
	return writeRequest(t, all...)
}

func randomLines(draw *rand.Rand) string {
	var b strings.Builder
	escape := strings.NewReplacer(" ", `\ `, ",", `\,`, "=", `\=`)
	for range draw.IntN(12) {
		fmt.Fprint(&b, []string{"m", "m\\ n", "mm", " m"}[draw.IntN(4)])
		for i, labels := 0, tags(draw.IntN(10)); i < len(labels); i += 2 {
			fmt.Fprintf(&b, ",%s=%s", labels[i], escape.Replace(labels[i+1]))
		}
		for i := range 1 + draw.IntN(3) {
			fmt.Fprintf(&b, "%c%s=%s", " ,,"[i], []string{"f", "value", "f\\ g", "ff"}[draw.IntN(4)],
				[]string{"1", "-0.5", "1e3", "7i", "t", `"text"`, "x", ".", "-", "0.1234567890123456789", "5.", "-0"}[draw.IntN(12)])
		}
		fmt.Fprint(&b, []string{"", " 1700000000000000000", "  1700000000000000000", " 1", "\r", " x"}[draw.IntN(6)], "\n")
	}
	return b.String()
}

func randomExport(t *testing.T, draw *rand.Rand) []byte {
	t.Helper()
	var all []*metricspb.Metric
	for range draw.IntN(5) {
		name, unit := fmt.Sprint("m", draw.IntN(2)), []string{"", "ms"}[draw.IntN(2)]
		var points []*metricspb.NumberDataPoint
		var buckets []*metricspb.HistogramDataPoint
		for range draw.IntN(4) {
			p := double(float64(-draw.IntN(4)), draw.Float64(), tags(draw.IntN(10))...)
			p.Flags = uint32(draw.IntN(8) / 7)
			if draw.IntN(9) == 0 {
				p.TimeUnixNano = 0
			}
			points = append(points, p)
			buckets = append(buckets, &metricspb.HistogramDataPoint{
				TimeUnixNano: at(float64(-draw.IntN(4))), Count: 3, Attributes: p.GetAttributes(), Flags: p.GetFlags(),
				BucketCounts: []uint64{1, 2, 0}[:2+draw.IntN(2)], ExplicitBounds: []float64{1, 2}[:1+draw.IntN(2)],
			})
		}
		all = append(all, []*metricspb.Metric{gauge(name, unit, points...), counter(name, unit, cumulative, points...), histogram(name, cumulative, buckets...)}[draw.IntN(3)])
	}
	return export(t, attributes("service.name", fmt.Sprint("s", draw.IntN(2)), "os", "linux"), all...)
}

// Attributes of a point may stand apart from each other, though no SDK sends them so.
func TestWordings_TakeNoPartForTheWhole(t *testing.T) {
	t.Parallel()
	encode := func(m proto.Message) []byte {
		t.Helper()
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := encode(&metricspb.HistogramDataPoint{TimeUnixNano: at(0), Count: 1, Attributes: attributes("a", "1"), BucketCounts: []uint64{1}})
	apart := append(slices.Clone(one), encode(&metricspb.HistogramDataPoint{Count: 1, Attributes: attributes("b", "2")})...)
	request := func(point []byte) []byte {
		data := append(part(nil, 1, point), 2<<3, 2) // cumulative
		return part(nil, 1, part(nil, 2, part(nil, 2, part(part(nil, 1, []byte("h")), 9, data))))
	}
	for _, bodies := range [][2][]byte{{request(one), request(apart)}, {request(apart), request(one)}} {
		sameAsNew(t, 8, func(i int, in *ingest.Ingest) (flow.Receipt, error) { return otlp(t, in, bodies[i/2%2]) })
	}
}

// A series that the store forgot comes back as another one, however well its
// sender is known.
func TestWordings_OfForgottenSeriesAreDropped(t *testing.T) {
	t.Parallel()
	write := writeRequest(t, timeSeries(named("m", "a", "1"), 0, 1), timeSeries(named("n", "a", "1"), 0, 1))
	points := export(t, attributes("service.name", "s"), gauge("m", "", double(0, 1, "a", "1"), double(0, 1, "a", "2")),
		histogram("h", cumulative, &metricspb.HistogramDataPoint{
			TimeUnixNano: at(0), Count: 3, Attributes: attributes("a", "1"), BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{1},
		}))
	for name, post := range map[string]func(in *ingest.Ingest) (flow.Receipt, error){
		"remote write":  func(in *ingest.Ingest) (flow.Receipt, error) { return remoteWrite(t, in, write) },
		"line protocol": func(in *ingest.Ingest) (flow.Receipt, error) { return influx(t, in, "m,a=1 f=1,g=2\nm,a=2 f=1\n", 1) },
		"OTLP":          func(in *ingest.Ingest) (flow.Receipt, error) { return otlp(t, in, points) },
	} {
		w, in := newWorld()
		for i := range 9 {
			if i%3 == 2 {
				w.forget()
			}
			w.batches = nil
			if _, err := post(in); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			there := map[uint64]bool{}
			for _, row := range w.ids {
				there[row.ID] = true
			}
			for _, r := range w.batches[0].Runs {
				if !there[r.ID] {
					t.Errorf("%s, request %d: %s is stored under id %d, which is forgotten", name, i, r.Meta, r.ID)
				}
			}
		}
	}
}
