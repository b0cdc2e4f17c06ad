package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
)

var remoteWrite = protocol{path: "/api/v1/write", media: "application/x-protobuf", encoding: "snappy"}

// newSeries is a request of n series that begin with the one numbered first, as
// the pods of a cluster bring them along.
func newSeries(tb testing.TB, first, n int) []byte {
	tb.Helper()
	var w prompb.WriteRequest
	at := time.Now().UnixMilli()
	for i := first; i < first+n; i++ {
		w.Timeseries = append(w.Timeseries, prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: fmt.Sprintf("container_metric_%d", i%100)},
				{Name: "cluster", Value: "eu-west-1"},
				{Name: "namespace", Value: fmt.Sprintf("team-%d", i/10_000)},
				{Name: "node", Value: fmt.Sprintf("node-%d", i/1_000)},
				{Name: "pod", Value: fmt.Sprintf("app-7d4b9c6f5-%d", i/100)},
			},
			Samples: []prompb.Sample{{Timestamp: at, Value: float64(i)}},
		})
	}
	raw, err := w.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return snappy.Encode(nil, raw)
}

// fill sends new series up to a limit, a thousand a request at most.
func fill(tb testing.TB, url string, limit int) {
	tb.Helper()
	for first := 0; first < limit; first += 1000 {
		wantPosted(tb, url, newSeries(tb, first, min(1000, limit-first)), http.StatusNoContent)
	}
}

// wantPosted sends a request and returns its answer.
func wantPosted(tb testing.TB, url string, body []byte, want int) string {
	tb.Helper()
	status, said, err := remoteWrite.post(tb.Context(), http.DefaultClient, url, body)
	if err != nil || status != want {
		tb.Fatalf("POST %s = %d %.300s, %v, want %d", remoteWrite.path, status, said, err, want)
	}
	return string(said)
}

// wantLimit sends more than the limit: new series are refused by name, known
// ones are taken.
func wantLimit(tb testing.TB, url string, limit int) {
	tb.Helper()
	var said struct {
		Code     string
		Hint     string
		Rejected []struct {
			Index int
			Field string
			Code  string
		}
	}
	text := wantPosted(tb, url, newSeries(tb, limit, 2), http.StatusTooManyRequests)
	if err := json.Unmarshal([]byte(text), &said); err != nil || said.Code != "series_limit" || len(said.Rejected) != 2 ||
		said.Rejected[1].Index != 1 || said.Rejected[1].Code != "series_limit" || !strings.Contains(said.Hint, "storage.max_series") {
		tb.Errorf("new series over the limit: %s, %v", text, err)
	}
	text = wantPosted(tb, url, newSeries(tb, limit-2, 3), http.StatusBadRequest) // a part of it is stored
	if !strings.Contains(text, `"accepted":2`) || !strings.Contains(text, `"index":2`) {
		tb.Errorf("two known series and a new one: %s", text)
	}
	wantPosted(tb, url, newSeries(tb, 0, min(limit, 1000)), http.StatusNoContent)
	resp, err := http.Post(url+"/ingest", "application/json", bytes.NewReader([]byte(`{"name":"one_more","value":1}`)))
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		tb.Errorf("POST /ingest over the limit = %d, want 429", resp.StatusCode)
	}
}

func TestSeriesLimit_RefusesNewSeriesAndTakesKnownOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := write(t, dir, "vigil.yaml", "storage: {max_series: 2500}\nservices: {}\n")
	p := daemonIn(t, dir, "collector", "--listen", "127.0.0.1:0", "--config", conf)
	fill(t, p.Collector, 2500)
	wantLimit(t, p.Collector, 2500)
}

// BenchmarkSeries_AMillion sends a million new series to a Vigil and starts it
// again: task bench:series.
func BenchmarkSeries_AMillion(b *testing.B) {
	const million = 1_000_000
	dir := b.TempDir()
	conf := write(b, dir, "vigil.yaml", fmt.Sprintf("storage: {max_series: %d}\npolicies: %s\nservices: {}\n", million, write(b, dir, "watch.yaml", watchAll)))
	v := launchReleased(b, dir, environ(dir), "--no-agent", "--no-demo", "--config", conf)
	before, begin := processorTime(b, v.cmd.Process.Pid), time.Now()
	fill(b, v.Collector, million)
	b.ReportMetric(time.Since(begin).Seconds(), "s")
	b.ReportMetric(float64((processorTime(b, v.cmd.Process.Pid)-before).Microseconds())/million, "cpu-us/series")
	rss := resident(b, v.cmd.Process.Pid)
	b.ReportMetric(rss, "rss-MB")
	b.Logf("a million new series after %s: %.0f MB resident", time.Since(begin), rss) // also if what follows fails
	wantLimit(b, v.Collector, million)

	known := time.Now() // one more sample of each
	fill(b, v.Collector, million)
	b.ReportMetric(time.Since(known).Seconds(), "known-s")
	b.ReportMetric(resident(b, v.cmd.Process.Pid), "known-rss-MB")
	asked := time.Now()
	api := v.api(b)
	got, err := api.Evaluate(b.Context(), `count(container_metric_7)`, time.Time{})
	if err != nil || len(got) != 1 {
		b.Errorf("count = %v, %v", got, err)
	}
	b.ReportMetric(time.Since(asked).Seconds(), "count-s")
	stopAll(b, v)
	if fi, err := os.Stat(filepath.Join(dir, "data", "default", "vigil.db")); err == nil {
		b.ReportMetric(float64(fi.Size())/million, "disk-B/series")
	}
	v = launchReleased(b, dir, environ(dir), "--no-agent", "--no-demo", "--config", conf)
	defer stopAll(b, v)
	b.ReportMetric(v.Ready.Seconds(), "ready-s")
	b.ReportMetric(resident(b, v.cmd.Process.Pid), "ready-rss-MB")
	b.ReportMetric(0, "ns/op")
}
