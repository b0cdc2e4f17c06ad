package ingest_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// timeSeries makes a series as Prometheus' own encoder knows it: labels in pairs,
// samples in pairs of seconds after start and value.
func timeSeries(labels []string, samples ...float64) prompb.TimeSeries {
	var ts prompb.TimeSeries
	for i := 0; i < len(labels); i += 2 {
		ts.Labels = append(ts.Labels, prompb.Label{Name: labels[i], Value: labels[i+1]})
	}
	for i := 0; i < len(samples); i += 2 {
		ts.Samples = append(ts.Samples, prompb.Sample{
			Timestamp: start.UnixMilli() + int64(samples[i]*1000), Value: samples[i+1],
		})
	}
	return ts
}

func writeRequest(t testing.TB, series ...prompb.TimeSeries) []byte {
	t.Helper()
	body, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func remoteWrite(t testing.TB, in *ingest.Ingest, body []byte) (flow.Receipt, error) {
	t.Helper()
	return in.RemoteWrite(t.Context(), flow.IngestRequest{
		Body: body, ContentType: "application/x-protobuf", Started: start,
	})
}

func named(name string, labels ...string) []string {
	return append([]string{"__name__", name}, labels...)
}

func TestRemoteWrite_StoresWhatPrometheusEncodes(t *testing.T) {
	t.Parallel()
	f := func(name string, body []byte, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			if _, err := remoteWrite(t, in, body); err != nil {
				t.Fatalf("RemoteWrite: %v", err)
			}
			if diff := cmp.Diff(want, w.stored()); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
	f("one", writeRequest(t, timeSeries(named("up", "instance", "a:9100", "job", "node"), 0, 1)), `up{instance="a:9100",job="node"} 1 0s`)
	f("many", writeRequest(t, timeSeries(named("a"), 1, 1, 2, 2), timeSeries(named("b"), 1, 3)), "a 1 1s", "a 2 2s", "b 3 1s")
	f("out-of-order", writeRequest(t, timeSeries(named("a"), 2, 2, 1, 1, 2, 9)), "a 1 1s", "a 9 2s")
	f("series-twice", writeRequest(t, timeSeries(named("a", "h", "1"), 2, 2), timeSeries(named("b"), 0, 0), timeSeries(named("a", "h", "1"), 1, 1)),
		`a{h="1"} 1 1s`, `a{h="1"} 2 2s`, "b 0 0s")
	f("unsorted-labels", writeRequest(t, timeSeries([]string{"z", "1", "__name__", "a", "b", "2"}, 0, 1)), `a{b="2",z="1"} 1 0s`)
	f("upper-case-label-before-the-name", writeRequest(t, timeSeries([]string{"Zone", "x", "__name__", "a"}, 0, 1)), `a{Zone="x"} 1 0s`)
	f("empty-label-is-none", writeRequest(t, timeSeries(named("a", "h", ""), 0, 1)), "a 1 0s")
	f("not-finite", writeRequest(t, timeSeries(named("a"), 0, math.NaN(), 1, math.Inf(-1))), "a NaN 0s", "a -Inf 1s")
	f("long-label", writeRequest(t, timeSeries(named("a", "l", strings.Repeat("v", 300)), 0, 1)), `a{l="`+strings.Repeat("v", 300)+`"} 1 0s`)
	f("series-without-samples", writeRequest(t, timeSeries(named("a")), timeSeries(named("b"), 0, 1)), "b 1 0s")

	// A message may have its fields in any order, and fields of a later version.
	label, err := (&prompb.Label{Name: "__name__", Value: "a"}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sample, err := (&prompb.Sample{Value: 7, Timestamp: start.UnixMilli()}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	series := part(nil, 2, sample)
	series = part(series, 19, []byte("unknown"))
	series = part(series, 1, label)
	f("samples-before-labels", part(part(nil, 3, []byte("metadata")), 1, series), "a 7 0s")
}

// part appends a field of bytes, shorter than 128.
func part(dst []byte, num int, b []byte) []byte {
	if num > 15 {
		dst = append(dst, byte(num<<3|2)|0x80, byte(num>>4))
	} else {
		dst = append(dst, byte(num<<3|2))
	}
	return append(append(dst, byte(len(b))), b...)
}

func TestRemoteWrite_OfNothingIsWell(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	if got, err := remoteWrite(t, in, nil); err != nil || got.Accepted != 0 {
		t.Errorf("RemoteWrite of an empty request = %+v, %v", got, err)
	}
	if len(w.batches)+len(w.offered) != 0 {
		t.Error("a batch without samples was stored")
	}
}

func TestRemoteWrite_KeepsTheMarkOfASeriesEnd(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	stale := math.Float64frombits(value.StaleNaN)
	if _, err := remoteWrite(t, in, writeRequest(t, timeSeries(named("a"), 0, 1, 1, stale), timeSeries(named("b"), 0, math.NaN()))); err != nil {
		t.Fatal(err)
	}
	b := w.offered[0]
	if b.Runs[0].Flags != abi.FlagStale || math.Float64bits(b.Values[1]) != value.StaleNaN {
		t.Errorf("run of the ended series = %+v with %x, want flag stale", b.Runs[0], math.Float64bits(b.Values[1]))
	}
	if b.Runs[1].Flags != 0 {
		t.Errorf("run of an ordinary NaN = %+v, want no flag", b.Runs[1])
	}
}

func TestRemoteWrite_LeavesInadmissibleSamplesOut(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprintf("l%05d", i), "v")
	}
	f := func(name string, bad prompb.TimeSeries, want ...flow.Rejection) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			got, err := remoteWrite(t, in, writeRequest(t, timeSeries(named("ok"), 0, 1), bad, timeSeries(named("ok2"), 0, 2)))
			if diff := cmp.Diff(want, got.Rejected); err != nil || diff != "" {
				t.Errorf("RemoteWrite: %v, rejected (-want +got):\n%s", err, diff)
			}
			if diff := cmp.Diff([]string{"ok 1 0s", "ok2 2 0s"}, w.stored()); diff != "" || len(w.ids) != 2 {
				t.Errorf("%d series named, stored (-want +got):\n%s", len(w.ids), diff)
			}
			w, in = newWorld()
			if _, err := remoteWrite(t, in, writeRequest(t, bad)); (len(want) == 1 && vigil.CodeOf(err) != want[0].Code) || err == nil || len(w.batches) != 0 {
				t.Errorf("alone: %v and %d batches, want code %s", err, len(w.batches), want[0].Code)
			}
		})
	}
	at := func(code string) flow.Rejection { return flow.Rejection{Index: 1, Field: "labels", Code: code} }
	f("too-old", timeSeries(named("a"), -3601, 1), flow.Rejection{Index: 1, Field: "ts", Code: "sample_too_old"})
	f("too-new", timeSeries(named("a"), 601, 1), flow.Rejection{Index: 1, Field: "ts", Code: "sample_too_new"})
	f("int64-min", prompb.TimeSeries{
		Labels:  []prompb.Label{{Name: "__name__", Value: "a"}},
		Samples: []prompb.Sample{{Timestamp: math.MinInt64}, {Timestamp: math.MaxInt64}},
	}, flow.Rejection{Index: 1, Field: "ts", Code: "sample_too_old"}, flow.Rejection{Index: 2, Field: "ts", Code: "sample_too_new"})
	f("no-name", timeSeries([]string{"h", "1"}, 0, 1), flow.Rejection{Index: 1, Field: "name", Code: "sample_name_missing"})
	f("markup-name", timeSeries(named("<img>"), 0, 1), flow.Rejection{Index: 1, Field: "name", Code: "name_invalid"})
	f("10k-labels", timeSeries(named("a", many...), 0, 1), at("label_limit"))
	f("long-value", timeSeries(named("a", "h", strings.Repeat("x", 1<<20)), 0, 1), at("label_limit"))
	f("duplicate-label", timeSeries(named("a", "h", "1", "h", "2"), 0, 1), at("label_duplicate"))
	f("same-label-twice", timeSeries(named("a", "h", "1", "x", "1", "h", "1"), 0, 1), at("label_duplicate"))
	f("two-names", timeSeries(named("a", "__name__", "b"), 0, 1), at("label_name_invalid"))
	f("utf8", timeSeries(named("a", "h", "\xff\xfe"), 0, 1), at("label_invalid_utf8"))
	f("utf8-label-name", timeSeries(named("a", "\xff", "x"), 0, 1), at("label_invalid_utf8"))
	f("nul", timeSeries(named("a", "h", "a\x00b"), 0, 1), at("label_invalid_utf8"))
	f("escape", timeSeries(named("a", "h", "\x1b[2J"), 0, 1), at("label_invalid"))
	native := timeSeries(named("a"))
	native.Histograms = []prompb.Histogram{{Sum: 1, Schema: 3}}
	f("native-histogram", native, flow.Rejection{Index: 1, Field: "histograms", Code: "native_histogram_unsupported"})
}

func TestRemoteWrite_RefusesTheWholeBody(t *testing.T) {
	t.Parallel()
	whole := writeRequest(t, timeSeries(named("a", "host", "web-1"), 0, 1, 1, 2), timeSeries(named("b"), 0, 3))
	f := func(name string, body []byte, code string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, in := newWorld()
			if _, err := remoteWrite(t, in, body); vigil.CodeOf(err) != code {
				t.Errorf("RemoteWrite = %v, want code %s", err, code)
			}
			if len(w.batches)+len(w.offered)+len(w.ids) != 0 {
				t.Error("something was stored")
			}
		})
	}
	for n := 1; n < len(whole); n++ {
		if n != len(writeRequest(t, timeSeries(named("a", "host", "web-1"), 0, 1, 1, 2))) { // a whole series is a whole request
			f(fmt.Sprintf("cut-at-%d", n), whole[:n], "protobuf_invalid")
		}
	}
	f("text", []byte("hello world"), "protobuf_invalid")
	f("group", []byte{1<<3 | 3}, "protobuf_invalid")
	f("field-zero", []byte{0x02, 0}, "protobuf_invalid")
	f("wrong-kind", []byte{1 << 3, 1}, "protobuf_invalid")
	f("endless-varint", bytes.Repeat([]byte{0xff}, 20), "protobuf_invalid")
	f("length-of-everything", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "protobuf_invalid")
	f("version-2", part(part(nil, 4, []byte("symbol")), 5, []byte{}), "content_type_unsupported")
}

func TestRemoteWrite_AsksASenderOf2ToFallBack(t *testing.T) {
	t.Parallel()
	_, in := newWorld()
	f := func(contentType, code string) {
		t.Helper()
		_, err := in.RemoteWrite(t.Context(), flow.IngestRequest{ContentType: contentType})
		if vigil.CodeOf(err) != code || code != "" && vigil.KindOf(err) != vigil.Unsupported {
			t.Errorf("content type %q: %v, want %q", contentType, err, code)
		}
	}
	f("", "")
	f("application/x-protobuf", "")
	f("application/x-protobuf;proto=prometheus.WriteRequest", "")
	f("application/x-protobuf;proto=io.prometheus.write.v2.Request", "content_type_unsupported")
	f("application/json", "content_type_unsupported")
}

func TestRemoteWrite_CutsTheListOfTheRefused(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	w.limit = 1
	series := []prompb.TimeSeries{timeSeries(named("known"), 0, 1)}
	if _, err := remoteWrite(t, in, writeRequest(t, series...)); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		series = append(series, timeSeries(named("new", "id", fmt.Sprint(i)), 0, 1))
	}
	got, err := remoteWrite(t, in, writeRequest(t, series...))
	if err != nil || got.Accepted != 1 || got.Refused != 5000 || len(got.Rejected) != 1000 || got.Rejected[0].Code != "series_limit" {
		t.Errorf("RemoteWrite = %d accepted, %d refused, %d named, %v", got.Accepted, got.Refused, len(got.Rejected), err)
	}
	_, err = remoteWrite(t, in, writeRequest(t, series[1:]...))
	if vigil.CodeOf(err) != "series_limit" || vigil.KindOf(err) != vigil.Busy {
		t.Errorf("RemoteWrite of new series alone = %v, want series_limit, busy", err)
	}
}

// FuzzRemoteWrite holds the reader against Prometheus' own: what it takes, that
// takes too, and finds as many samples in.
func FuzzRemoteWrite(f *testing.F) {
	f.Add(writeRequest(f, timeSeries(named("up", "instance", "a:9100"), 0, 1, 1, math.NaN()), timeSeries(named("b"), -9000, 3)))
	f.Add(writeRequest(f, timeSeries([]string{"z", "\xff", "__name__", "a", "z", ""}, 0, 1)))
	f.Add(part(nil, 1, part(part(nil, 2, []byte{0x10, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31}), 1, []byte("\x0a\x08__name__\x12\x01a"))))
	f.Fuzz(func(t *testing.T, body []byte) {
		w, in := newWorld()
		got, err := remoteWrite(t, in, body)
		if vigil.CodeOf(err) == "internal" || (err != nil && len(w.batches) != 0) {
			t.Fatalf("RemoteWrite(%x) = %v with %d batches", body, err, len(w.batches))
		}
		if err != nil {
			return
		}
		var want prompb.WriteRequest
		if err := want.Unmarshal(body); err != nil {
			t.Skip("fields that are passed over are not looked into")
		}
		n := 0
		for _, ts := range want.Timeseries {
			n += len(ts.Samples) + len(ts.Histograms)
		}
		sameAsNew(t, 3, func(_ int, in *ingest.Ingest) (flow.Receipt, error) { return remoteWrite(t, in, body) })
		if got.Accepted+got.Refused != n {
			t.Fatalf("RemoteWrite(%x): %d + %d samples, Prometheus finds %d", body, got.Accepted, got.Refused, n)
		}
	})
}

// thousand is a scrape of a thousand series with the labels that an exporter of
// a host gives them.
func thousand() (series []prompb.TimeSeries) {
	for i := range 1000 {
		series = append(series, timeSeries(named("node_cpu_seconds_total",
			"cpu", fmt.Sprint(i%64), "instance", fmt.Sprintf("web-%d.example.net:9100", i/64), "job", "node", "mode", "idle", "region", "eu-west-1"), 0, float64(i)))
	}
	return series
}

func BenchmarkDecodeRemoteWrite(b *testing.B) {
	body := writeRequest(b, thousand()...)
	benchDecode(b, 1000, func(in *ingest.Ingest) error {
		_, err := remoteWrite(b, in, body)
		return err
	})
}
