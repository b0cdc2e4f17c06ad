package promql_test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// noon is when the tests' clock stands.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// history is a real store of so many series, one sample each ten seconds for
// some hours before noon, sealed.
func history(t testing.TB, series int, long time.Duration) *metrics.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "vigil.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := metrics.Open(t.Context(), metrics.Disk{Journal: db, Archive: db, Past: db}, metrics.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = db.Close(context.WithoutCancel(t.Context()))
	})
	b := &flow.Batch{}
	for i := range series {
		meta := vigil.Series{Name: fmt.Sprintf("gauge_%d", i/100), Labels: vigil.Labels{"host": fmt.Sprintf("h%d", i%100)}}
		one, err := s.Intern(flow.AppendKey(nil, meta))
		if err != nil {
			t.Fatal(err)
		}
		b.Runs = append(b.Runs, flow.Run{ID: one.ID, Meta: one.Meta, First: uint32(i), Count: 1})
		b.Times, b.Values = append(b.Times, 0), append(b.Values, 0)
	}
	for at := noon.Add(-long); !at.After(noon); at = at.Add(10 * time.Second) {
		b.Received = at
		for i := range b.Times {
			b.Times[i], b.Values[i] = at.UnixNano(), float64(i)+at.Sub(noon).Seconds()
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Tidy(t.Context(), noon.Add(3*time.Hour)); err != nil { // all of it has rested
		t.Fatal(err)
	}
	return s
}

func api(t testing.TB, s *metrics.Store, l promql.Limits) *promql.API {
	t.Helper()
	a := promql.NewAPI(promql.Options{History: s, Limits: l, Version: "1.2.3", Now: func() time.Time { return noon }})
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestAnswer_SpeaksAsPrometheusDoes(t *testing.T) {
	t.Parallel()
	a := api(t, history(t, 3, time.Minute), promql.Limits{})
	f := func(endpoint, params string, status int, want string) {
		t.Helper()
		values, err := url.ParseQuery(params)
		if err != nil {
			t.Fatal(err)
		}
		got, body := a.Answer(t.Context(), endpoint, "host", values)
		if got != status || !strings.Contains(string(body), want) {
			t.Errorf("%s?%s = %d %s, want %d and %s", endpoint, params, got, body, status, want)
		}
	}
	f("query", "query=gauge_0", 200, `{"metric":{"__name__":"gauge_0","host":"h0"},"value":[1772366400,"0"]}`)
	f("query", "query=gauge_0&time=2026-03-01T11:59:50Z", 200, `"value":[1772366390,"-9"]`)
	f("query", "query=gauge_0&time=1772366390.5", 200, `[1772366390.500,"-10"]`)
	f("query", "query=gauge_0&time=2026-03-01T11:00:00Z", 200, `"result":[]`)
	f("query", "query=1e300*1e300", 200, `{"resultType":"scalar","result":[1772366400,"+Inf"]}`)
	f("query", `query="a"`, 200, `{"resultType":"string","result":[1772366400,"a"]}`)
	f("query", "query=gauge_0[20s]", 200, `{"resultType":"matrix"`)
	f("query_range", "query=sum(gauge_0)&start=1772366390&end=1772366400&step=10s", 200, `{"metric":{},"values":[[1772366390,"-27"],[1772366400,"3"]]}`)
	f("query", "query=gauge_0&limit=2", 200, `"host":"h1"},"value":[1772366400,"1"]}]},"warnings":["results truncated due to limit"]}`)
	f("query", "query=gauge_0&limit=3", 200, `"2"]}]}}`)
	f("query_range", "query=gauge_0&limit=1&start=1772366400&end=1772366400&step=1", 200, `"0"]]}]},"warnings":["results truncated`)
	f("query", "query=rate(gauge_0[1m])", 200, `"infos":["PromQL info: metric might not be a counter`)
	f("query", "query=gauge_0&time=1772366405&lookback_delta=5s", 200, `"result":[]`)
	f("labels", "", 200, `["__name__","host"]`)
	f("labels", "match[]=none", 200, `"data":[]`)
	f("label_values", "limit=2", 200, `["h0","h1"],"warnings":["results truncated`)
	f("label_values", "limit=3", 200, `["h0","h1","h2"]}`)
	if _, body := a.Answer(t.Context(), "label_values", "U__h_6f_st", nil); !strings.Contains(string(body), `["h0","h1","h2"]`) {
		t.Errorf("values of an escaped label = %s", body)
	}
	f("series", "match[]=gauge_0{host=~\"h[01]\"}", 200, `[{"__name__":"gauge_0","host":"h0"},{"__name__":"gauge_0","host":"h1"}]`)
	f("series", "match[]=gauge_0{host=\"h0\"}&match[]=none", 200, `[{"__name__":"gauge_0","host":"h0"}]`)
	f("series", "match[]=gauge_0&start=1772366400&end=1772366410", 200, `"host":"h2"}]`)
	f("series", "match[]=gauge_0&start=1772366401", 200, `"data":[]`)
	f("series", "match[]=gauge_0&end=2026-03-01T11:58:59Z", 200, `"data":[]`)
	f("series", "match[]=gauge_0&start=-9e10&end=9e10", 200, `"host":"h2"}]`)
	f("labels", "start=1772366401", 200, `"data":[]`)
	f("label_values", "start=2&end=1", 200, `"data":[]`)
	f("label_values", "end=1772366340", 200, `["h0","h1","h2"]`)
	f("buildinfo", "", 200, `"version":"1.2.3"`)
	f("alerts", "", 200, `{"alerts":[]}`)

	const bad = `"errorType":"bad_data"`
	f("query", "", 400, bad)
	f("query", "query=sum(", 400, bad)
	f("query", "query=gauge_0&time=NaN", 400, bad)
	f("query", "query=gauge_0&time=1e300", 400, bad)
	f("query", "query=gauge_0&time=yesterday", 400, bad)
	f("query", "query=gauge_0&timeout=x", 400, bad)
	f("query", "query=gauge_0&limit=-1", 400, bad)
	f("query", "query=gauge_0&lookback_delta=x", 400, bad)
	f("labels", "start=never", 400, bad)
	f("labels", "end=1e308", 400, bad)
	f("query", "query=gauge_0&time=-9223372036854775808", 400, bad)
	f("query_range", "query=gauge_0&start=0&end=157680000&step=1", 400, "maximum resolution") // five years
	f("query", "query="+strings.Repeat("(", 20000), 422, "longer than 16384 bytes")
	f("query_range", "query=1&start=1&end=2", 400, "step is required")
	f("query_range", "query=1&start=2&end=1&step=1", 400, "end must not be before start")
	f("query_range", "query=1&start=1&end=2&step=0", 400, "positive")
	f("query_range", "query=1&start=1&end=2&step=NaN", 400, bad)
	f("query_range", "query=1&start=1&end=20000&step=1", 400, `"code":"query_too_expensive"`)
	f("query_range", "query=1&start=-1e11&end=1e11&step=1e-9", 400, "query_too_expensive")
	f("series", "", 400, "no match[]")
	f("series", "match[]={}", 400, bad)
	f("series", "match[]=gauge_0&limit=-1", 400, bad)
	f("query", `query=gauge_0{host=~"(a{1000}){1000}"}`, 400, bad)
	f("query", "query=gauge_0 * on(x) gauge_0", 422, `"errorType":"execution"`)
	f("nothing", "", 404, `"errorType":"not_found"`)
}

func TestAnswer_RefusesWhatIsTooExpensive(t *testing.T) {
	t.Parallel()
	s := history(t, 20, 10*time.Minute)
	ask := func(l promql.Limits, query string) (int, string) {
		status, body := api(t, s, l).Answer(t.Context(), "query", "", url.Values{"query": {query}})
		return status, string(body)
	}
	if status, body := ask(promql.Limits{Samples: 30}, "sum_over_time(gauge_0[10m])"); status != 422 || !strings.Contains(body, "query_too_expensive") {
		t.Errorf("over the limit of samples: %d %s", status, body)
	}
	if status, body := ask(promql.Limits{Timeout: time.Nanosecond}, "gauge_0"); status != 503 || !strings.Contains(body, `"errorType":"timeout"`) {
		t.Errorf("over the limit of time: %d %s", status, body)
	}
}

// BenchmarkQueryRange asks for an hour of a hundred series out of a thousand,
// from blocks: what a panel of a dashboard does.
func BenchmarkQueryRange(b *testing.B) {
	a := api(b, history(b, 1000, 2*time.Hour), promql.Limits{})
	values := url.Values{"query": {"gauge_3"}, "start": {"1772362800"}, "end": {"1772366400"}, "step": {"15"}}
	b.ReportAllocs()
	for b.Loop() {
		if status, body := a.Answer(b.Context(), "query_range", "", values); status != 200 || len(body) < 100_000 {
			b.Fatalf("%d %.200s", status, body)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/query")
}
