package promql_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestForm_SaysWhatAnExpressionGives(t *testing.T) {
	t.Parallel()
	a := promql.NewAPI(promql.Options{})
	f := func(text string, reach time.Duration, labels string) {
		t.Helper()
		form, err := a.Form(text)
		got := strings.Join(form.Labels, " ")
		if form.Open {
			got = strings.TrimSpace(got + " …")
		}
		if err != nil || form.Reach != reach || got != labels {
			t.Errorf("Form(%s) = %s, labels %q, %v; want %s, %q", text, form.Reach, got, err, reach, labels)
		}
	}
	f("x", 0, "…")
	f("rate(x[5m])", 5*time.Minute, "…")
	f("sum(x)", 0, "")
	f("sum by (a, b) (rate(x[1m]))", time.Minute, "a b")
	f("sum without (a) (x)", 0, "…")
	f("sum without (a) (sum by (a, b) (x))", 0, "b")
	f("topk(2, sum by (a) (x))", 0, "a")
	f(`count_values by (a) ("version", x)`, 0, "a version")
	f("sum by (a) (x) / sum by (a) (y)", 0, "a")
	f("x / on (a) y", 0, "a")
	f("x / on (a) group_left (b) sum by (a) (y)", 0, "b …")
	f("sum by (a) (x) > 1", 0, "a")
	f("sum by (a) (x) or sum by (b) (y)", 0, "a b")
	f("sum by (a) (x) and y", 0, "a")
	f("sum(x) or vector(0)", 0, "")
	f("-(1 - sum by (a) (x))", 0, "a")
	f("scalar(x) * 2", 0, "")
	f(`absent(x{job="api", env=~"p.*"})`, 0, "job")
	f(`absent_over_time(x{job="api"}[10m])`, 10*time.Minute, "job")
	f(`label_replace(sum by (a) (x), "host", "$1", "a", "(.*)")`, 0, "a host")
	f("max_over_time(rate(x[5m])[30m:1m])", 35*time.Minute, "…")
	f("x / x offset 1d", 0, "…") // the past is there to compare
	f("sum by (a) (rate(x[5m])) / sum by (a) (rate(x[1h] offset 1d))", 5*time.Minute, "a")
	f("histogram_quantile(0.9, sum by (a, le) (rate(x[2m])))", 2*time.Minute, "a le")

	g := func(text string, position int, says string) {
		t.Helper()
		_, err := a.Form(text)
		if e := vigil.AsError(err); err == nil || e.Code != "query_invalid" || e.Fields["position"] != position || e.Fields["field"] != "select.query" || !strings.Contains(e.Msg, says) {
			t.Errorf("Form(%.40s) = %v at %v, want %q at %d", text, err, vigil.AsError(err).Fields["position"], says, position)
		}
	}
	g("", 1, "cannot be read")
	g("sum(x", 6, "unclosed left parenthesis")
	g("rate(x[5m]) / / y", 15, "unexpected")
	g("x[5m]", 1, "range vector")
	g(`"text"`, 1, "type string")
	g("vector(1)", 1, "selects no series")
	g("x offset 5m", 1, "selects no series of the present")
	g("max_over_time(x[5m:1m] offset 1h)", 1, "selects no series of the present")
	g("x @ 1700000000", 1, "selects no series of the present")
	g(strings.Repeat("(", 20_000), 16<<10+1, "longer than")
}

// shelf is a history of a few series, in memory.
type shelf []flow.History

func (s shelf) Samples(_ context.Context, which flow.Choice, from, to time.Time, _ int) (out []flow.History, _ error) {
	for _, h := range s {
		lo, _ := slices.BinarySearch(h.Times, from.UnixNano())
		hi, _ := slices.BinarySearch(h.Times, to.UnixNano()+1)
		if which.Accepts(h.Meta) && lo < hi {
			out = append(out, flow.History{Meta: h.Meta, Times: slices.Clone(h.Times[lo:hi]), Values: slices.Clone(h.Values[lo:hi])})
		}
	}
	return out, nil
}

func (s shelf) Known(context.Context, flow.Choice, time.Time, time.Time) ([]vigil.Series, error) {
	return nil, nil
}

// counter grows by each second over the five minutes before noon, with a sample
// each ten seconds; the last of them is so long before noon.
func counter(name string, by float64, last time.Duration, labels ...string) flow.History {
	h := flow.History{Meta: vigil.Series{Name: name, Labels: vigil.Labels{}}}
	for i := 0; i < len(labels); i += 2 {
		h.Meta.Labels[labels[i]] = labels[i+1]
	}
	end := noon.Add(-last)
	for at := end.Add(-5 * time.Minute); !at.After(end); at = at.Add(10 * time.Second) {
		h.Times, h.Values = append(h.Times, at.UnixNano()), append(h.Values, by*float64(len(h.Times)*10))
	}
	return h
}

func TestAsk_SaysHowOldItsEvidenceIs(t *testing.T) {
	t.Parallel()
	f := func(query string, history shelf, want ...string) {
		t.Helper()
		a := promql.NewAPI(promql.Options{History: history, Now: func() time.Time { return noon }})
		results, err := a.Ask(t.Context(), flow.Query{Text: query, At: noon, Lookback: time.Minute})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			return
		}
		var got []string
		for _, r := range results {
			age := "nothing"
			if !r.Newest.IsZero() {
				age = noon.Sub(r.Newest).String()
			}
			got = append(got, fmt.Sprintf("%s %.3g %s", r.Series, r.Value, age))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	two := shelf{counter("req", 10, 5*time.Second, "host", "a"), counter("req", 20, 40*time.Second, "host", "b")}
	f("req", two, `req{host="a"} 3e+03 5s`, `req{host="b"} 6e+03 40s`)
	f("rate(req[1m])", two, `{host="a"} 10 5s`, `{host="b"} 8.33 40s`)
	f("sum(rate(req[1m]))", two, " 18.3 5s")             // somebody was heard of
	f("scalar(sum(rate(req[1m])))", two, " 18.3 5s")     // without a label
	f("count(req offset 1m) + sum(req)*0", two, " 2 5s") // a past on purpose is not stale
	f(`label_replace(rate(req[1m]), "host", "x-$1", "host", "(.*)")`, two, `{host="x-a"} 10 40s`, `{host="x-b"} 8.33 40s`)

	// A ratio is as old as the part that fell silent, of each host by itself.
	ratio := append(shelf{counter("err", 1, 50*time.Second, "host", "a"), counter("err", 1, 5*time.Second, "host", "b")}, two...)
	f("rate(err[2m]) / rate(req[2m])", ratio, `{host="a"} 0.0625 50s`, `{host="b"} 0.0706 40s`)

	// Older than the lookback is not there, and then nothing is evidence.
	gone := shelf{counter("req", 10, 2*time.Minute, "host", "a")}
	f("req", gone)
	f("sum(req) or vector(0)", gone, " 0 nothing")
	f("absent(req)", gone, " 1 nothing")
	f("absent(req) or vector(0)", two, " 0 5s")

	// A clock that is ahead makes no sample newer: a minute ahead, the newest that
	// is seen was measured at least a minute ago.
	ahead := shelf{counter("req", 10, -time.Minute, "host", "a")}
	f("rate(req[2m])", ahead, `{host="a"} 10 1m0s`)
}

func TestAsk_RefusesWithACode(t *testing.T) {
	t.Parallel()
	many := make(shelf, 10_001)
	for i := range many {
		many[i] = counter("req", 1, 0, "host", fmt.Sprint(i))
	}
	f := func(query string, l promql.Limits, code string) {
		t.Helper()
		a := promql.NewAPI(promql.Options{History: many, Limits: l})
		if _, err := a.Ask(t.Context(), flow.Query{Text: query, At: noon, Lookback: time.Minute}); vigil.CodeOf(err) != code {
			t.Errorf("Ask(%s) = %v, want %s", query, err, code)
		}
	}
	f("req", promql.Limits{}, "query_too_many")
	f("count(req)", promql.Limits{Samples: 100}, "query_too_expensive")
	f("count(req)", promql.Limits{Timeout: time.Nanosecond}, "query_timeout")
	f("req + on () req", promql.Limits{}, "query_failed")
}
