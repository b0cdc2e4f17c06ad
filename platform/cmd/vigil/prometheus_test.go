package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exporter is what Prometheus scrapes: metrics that change with each scrape.
type exporter struct{ scrapes atomic.Int64 }

// ServeHTTP writes Prometheus' text format. After some scrapes a series is there
// no more, and a counter begins again.
func (e *exporter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	n := float64(e.scrapes.Add(1))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for i, room := range []string{"kitchen", "bath", "bedroom", "attic"} {
		fmt.Fprintf(w, "temperature_celsius{room=%q} %v\n", room, 18+float64(i)+2*math.Sin(n/7+float64(i)))
		fmt.Fprintf(w, "room_info{room=%q,floor=\"%d\"} 1\n", room, i/2)
	}
	fmt.Fprintf(w, "queue_depth %v\n", math.Floor(n/3))
	for i, code := range []string{"200", "404", "500"} {
		fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total{code=%q} %v\n", code, math.Mod(n, 13)*float64(10-3*i))
	}
	fmt.Fprint(w, "# TYPE latency_seconds histogram\n")
	for i, le := range []string{"0.01", "0.1", "1", "+Inf"} {
		fmt.Fprintf(w, "latency_seconds_bucket{le=%q} %v\n", le, n*float64(1+i*i))
	}
	fmt.Fprintf(w, "latency_seconds_sum %v\nlatency_seconds_count %v\n", n*0.37, n*10)
	for i, text := range []string{`quote\" and back\\slash`, `größe ü 漢 🙂`, `<b>&amp;</b>`, ` spaces  `, `{a=\"b\"}`, `%2F;,\\n`} {
		fmt.Fprintf(w, "odd_labels{text=\"%s\"} %d\n", text, i)
	}
	for i, v := range []string{"+Inf", "-Inf", "NaN", "-0", "1e308", "4.9e-324", "0.1"} {
		fmt.Fprintf(w, "special_values{no=\"%d\"} %s\n", i, v)
	}
	if n < 12 {
		fmt.Fprintf(w, "leaves_soon{after=\"12 scrapes\"} %v\n", n)
	}
}

// startPrometheus starts a real Prometheus that scrapes the jobs each second and
// writes to a collector as README says, on one connection, so that what is written
// arrives in order; its URL is returned.
func startPrometheus(t *testing.T, collector string, jobs map[string]string) string {
	t.Helper()
	bin, dir := builtTool(t, "VIGIL_PROMETHEUS", "prometheus-v0.316.0"), t.TempDir()
	for range 3 { // somebody else may take the free address meanwhile
		addr := freeAddr(t)
		conf := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
		jobs["prometheus"] = addr
		for job, target := range jobs {
			conf += fmt.Sprintf("  - {job_name: %s, static_configs: [{targets: [%q]}]}\n", job, target)
		}
		for _, b := range readmeBlocks(t) {
			if b.language == "yml" && strings.HasPrefix(b.text, "remote_write:") {
				conf += strings.TrimSpace(strings.Replace(b.text, "http://127.0.0.1:8000", collector, 1)) + "\n    queue_config: {max_shards: 1}\n"
			}
		}
		if runPrometheus(t, bin, write(t, dir, "prometheus.yml", conf), addr) {
			return "http://" + addr
		}
	}
	t.Fatal("Prometheus does not start")
	return ""
}

// runPrometheus starts one and waits until it is ready; false if it ends instead.
func runPrometheus(t *testing.T, bin, conf, addr string) bool {
	t.Helper()
	cmd := exec.Command(bin, "--config.file", conf, "--storage.tsdb.path", t.TempDir(), "--web.listen-address", addr, "--log.level", "warn")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("Prometheus printed:\n%s", said)
		}
	})
	ready := false
	until(t, time.Minute, "Prometheus is ready", func() bool {
		select {
		case <-ended:
			return true
		default:
			ready = get(t.Context(), "http://"+addr+"/-/ready", nil) == nil
			return ready
		}
	})
	return ready
}

// TestPrometheus_AnswersAsThePrometheusThatWritesToIt lets a real Prometheus
// scrape changing metrics, itself and Vigil, and write them to Vigil. After half a
// minute (VIGIL_PROMETHEUS_RUN=1m for longer) both are asked the same.
func TestPrometheus_AnswersAsThePrometheusThatWritesToIt(t *testing.T) {
	t.Parallel()
	p := daemonIn(t, t.TempDir(), "collector", "--listen", "127.0.0.1:0")
	stays := httptest.NewServer(&exporter{})
	defer stays.Close()
	var asked exporter
	leaves := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.scrapes.Add(1)
		fmt.Fprintln(w, "whole_target_gone 1")
	}))
	defer leaves.Close()
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	prometheus := startPrometheus(t, p.Collector, map[string]string{"exporter": host(stays.URL), "leaves": host(leaves.URL), "vigil": host(p.Collector)})

	long := 30 * time.Second
	if d, err := time.ParseDuration(os.Getenv("VIGIL_PROMETHEUS_RUN")); err == nil {
		long = d
	}
	until(t, 2*time.Minute, "the target that leaves is scraped", func() bool { return asked.scrapes.Load() >= 10 })
	leaves.Close()
	begin := time.Now()
	until(t, 2*time.Minute+long, "time passes", func() bool { return time.Since(begin) > long-10*time.Second })
	c := both{t: t, prometheus: prometheus, vigil: p.Collector + "/prometheus"}
	until(t, time.Minute, "a second in which every scrape succeeds", func() bool {
		c.at = time.Now().Truncate(time.Second)
		return c.number(`min(up{job!="leaves"})`) == 1
	})
	c.arrived(4)

	for _, query := range queries(t) {
		query = strings.ReplaceAll(query, "AT", strconv.FormatInt(c.at.Unix(), 10))
		c.alike("query", "query", query, "time", c.second(0))
		c.alike("query_range", "query", query, "start", c.second(-20), "end", c.second(0), "step", "1")
	}
	c.alike("query", "query", "temperature_celsius[10s]", "time", c.second(0))
	c.alike("query", "query", "leaves_soon", "time", c.second(-15)+".5")
	c.alike("query", "query", "temperature_celsius", "time", c.second(0), "lookback_delta", "1ms")
	c.alike("query_range", "query", "temperature_celsius", "start", c.second(-5), "end", c.second(0), "step", "300ms")
	c.names()
	c.failures()
	if failed := c.number(`sum({__name__=~"prometheus_remote_storage_samples_(failed|dropped)_total"})`); failed != 0 {
		t.Errorf("Prometheus could not write %v samples", failed)
	}
	if c.found < c.asked/2 {
		t.Errorf("only %d of %d answers had something in them", c.found, c.asked)
	}
	t.Logf("asked %d times, %d answers had something in them; Vigil took %v samples", c.asked, c.found, c.number("sum(prometheus_remote_storage_samples_total)"))
}

// queries are the lines of testdata/prometheus/queries.txt.
func queries(t *testing.T) (lines []string) {
	t.Helper()
	raw, err := os.ReadFile("testdata/prometheus/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// both is a Prometheus and the Vigil that it writes to, of which the same is
// asked about the time before at.
type both struct {
	t                 *testing.T
	prometheus, vigil string // below which /api/v1 lies
	at                time.Time
	asked, found      int // how often, and how often there was something to compare
}

// second is a time as a parameter, so many seconds after at.
func (c *both) second(after int64) string { return strconv.FormatInt(c.at.Unix()+after, 10) }

// arrived waits until each of the jobs has written a sample well after at: what
// was before it has arrived by then, since Prometheus writes in order.
func (c *both) arrived(jobs int) {
	c.t.Helper()
	query := "count(timestamp(up) > " + c.second(2) + ")"
	until(c.t, 2*time.Minute, "what Prometheus wrote arrives", func() bool {
		_, got := askAPI(c.t, c.vigil, "query", url.Values{"query": {query}})
		return strings.Contains(fmt.Sprint(got["data"]), fmt.Sprintf(" %d]", jobs))
	})
}

// askAPI returns the status and the JSON of an answer.
func askAPI(t *testing.T, base, endpoint string, values url.Values) (int, map[string]any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/"+endpoint+"?"+values.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Errorf("%s %v: %d %.200s is no JSON object", endpoint, values, resp.StatusCode, body)
	}
	return resp.StatusCode, got
}

// alike asks both the same, parameters in pairs, and compares status and answer;
// of an error its type. Series may come in any order, except of a sort.
func (c *both) alike(endpoint string, params ...string) {
	c.t.Helper()
	c.asked++
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Add(params[i], params[i+1])
	}
	status, want := askAPI(c.t, c.prometheus, endpoint, values)
	got, said := askAPI(c.t, c.vigil, endpoint, values)
	for _, m := range []map[string]any{want, said} {
		for _, own := range []string{"error", "code", "hint", "request_id"} { // words
			delete(m, own)
		}
		if data, ok := m["data"].(map[string]any); ok && !strings.HasPrefix(values.Get("query"), "sort") {
			sorted(data["result"])
		}
		sorted(m["data"])
		sorted(m["infos"])
		sorted(m["warnings"])
	}
	if text := fmt.Sprint(want["data"]); status == http.StatusOK && text != "[]" && !strings.Contains(text, "result:[]") {
		c.found++
	}
	if diff := cmp.Diff(want, said, cmp.Comparer(sameText)); got != status || diff != "" {
		c.t.Errorf("%s %v: Vigil answered %d, Prometheus %d; -Prometheus +Vigil:\n%s", endpoint, values, got, status, diff)
	}
}

// sorted puts a list in the order of its items' text.
func sorted(v any) {
	if list, ok := v.([]any); ok {
		slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
}

// sameText compares texts; two numbers may differ by a billionth, since a sum
// depends on the order of its series, which either store chooses.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
}

// names asks which series and labels there are, of what the exporter and the
// target that left said: those stand still. Prometheus has more series of itself
// with each question.
func (c *both) names() {
	const still = `{job=~"exporter|leaves"}`
	c.alike("series", "match[]", "temperature_celsius", "match[]", `{job="leaves"}`)
	c.alike("series", "match[]", `{__name__=~"odd.+|leaves_soon",text!="x"}`)
	c.alike("series", "match[]", "nothing")
	c.alike("labels", "match[]", still)
	c.alike("labels", "match[]", "latency_seconds_bucket", "match[]", "odd_labels")
	for _, label := range []string{"__name__", "job", "instance", "room", "text", "le", "nothing", "U__job"} {
		c.alike("label/"+label+"/values", "match[]", still)
	}
	c.alike("label/room/values", "match[]", `temperature_celsius{room!="bath"}`)
	c.alike("label/room/values", "match[]", still, "limit", "4") // of more it is open which it keeps
	c.alike("metadata", "metric", "nothing")
	c.alike("query_exemplars", "query", "up", "start", c.second(-9), "end", c.second(0))
	c.alike("rules")
	c.alike("alerts")
}

// failures asks what cannot be answered.
func (c *both) failures() {
	for _, query := range []string{"", "sum(", "up +", `up{job="`, "rate(up)", "nofunc(up)", "up[5m] + 1", `label_replace(up, "a", "$1", "job", "(")`, "{}"} {
		c.alike("query", "query", query, "time", c.second(0))
	}
	c.alike("query", "query", "up * on (nothing) up", "time", c.second(0))
	c.alike("query", "query", "temperature_celsius + on (job) queue_depth", "time", c.second(0))
	c.alike("query", "query", "up", "time", "yesterday")
	c.alike("query", "query", "up", "timeout", "soon")
	c.alike("query", "query", "up", "limit", "-1")
	c.alike("query", "query", "up", "lookback_delta", "x")
	c.alike("query", "query", "sum_over_time(up[1s:1ms] @ 9e99)")
	c.alike("query_range", "query", "up", "start", "2", "end", "1", "step", "1")
	c.alike("query_range", "query", "up", "start", "1", "end", "2", "step", "0")
	c.alike("query_range", "query", "up", "start", "1", "end", "2")
	c.alike("query_range", "query", "up", "end", "2", "step", "1")
	c.alike("query_range", "query", "up", "start", "0", "end", "11001", "step", "1")
	c.alike("query_range", "query", "up", "start", "1", "end", "2", "step", "1", "limit", "x")
	c.alike("series")
	c.alike("series", "match[]", "{}")
	c.alike("series", "match[]", "up[1m]")
	c.alike("series", "match[]", "up", "start", "never")
	c.alike("labels", "match[]", "{")
	c.alike("labels", "limit", "many")
	c.alike("label/room/values", "end", "never")
}

// number is Prometheus' answer to a query that has one.
func (c *both) number(query string) float64 {
	c.t.Helper()
	_, got := askAPI(c.t, c.prometheus, "query", url.Values{"query": {query}})
	m := regexp.MustCompile(`value:\[\S+ ([^\]]+)\]`).FindStringSubmatch(fmt.Sprint(got["data"]))
	if m == nil {
		c.t.Fatalf("%s = %v, want one number", query, got)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}
