package promql_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/promql"
)

// counted is a store that counts the samples it gives away.
type counted struct {
	*metrics.Store
	given int
}

func (c *counted) Samples(ctx context.Context, which flow.Choice, from, to time.Time, limit int) ([]flow.History, error) {
	found, err := c.Store.Samples(ctx, which, from, to, limit)
	for _, h := range found {
		c.given += len(h.Times)
	}
	return found, err
}

// TestAnswer_CountsTheSamplesOfAllSelectorsTogether: the engine reads all of them
// before it evaluates the first, so a limit of one would be a limit of none.
func TestAnswer_CountsTheSamplesOfAllSelectorsTogether(t *testing.T) {
	t.Parallel()
	store := history(t, 1, 9990*time.Second) // a thousand samples
	f := func(selectors, status, most int) {
		t.Helper()
		c := &counted{Store: store}
		a := promql.NewAPI(promql.Options{History: c, Limits: promql.Limits{Samples: 3000}, Now: func() time.Time { return noon }})
		query := strings.Repeat("+count_over_time(gauge_0[3h])", selectors)
		got, body := a.Answer(t.Context(), "query", "", url.Values{"query": {query}})
		if got != status || c.given > most {
			t.Errorf("%d selectors: status %d, want %d; %d samples were read, want at most %d; %.200s", selectors, got, status, c.given, most, body)
		}
		if status != http.StatusOK && !strings.Contains(string(body), "query_too_expensive") {
			t.Errorf("%d selectors: %s, want what is wrong", selectors, body)
		}
	}
	f(3, http.StatusOK, 3000)
	f(500, http.StatusUnprocessableEntity, 4000)
}

// TestAnswer_RefusesQueriesOfDeath: of these the engine, left alone, makes room
// for billions of steps, or strings of exponential length, and ends the process.
func TestAnswer_RefusesQueriesOfDeath(t *testing.T) {
	t.Parallel()
	a := api(t, history(t, 1, time.Minute), promql.Limits{})
	f := func(query string, status int) {
		t.Helper()
		got, body := a.Answer(t.Context(), "query", "", url.Values{"query": {query}})
		if got != status || status == http.StatusUnprocessableEntity && !strings.Contains(string(body), `"code":"query_too_expensive"`) {
			t.Errorf("%.80s = %d %.200s, want %d", query, got, body, status)
		}
		if _, err := a.Form("count(gauge_0) + count(" + query + ")"); (err != nil) != (status != http.StatusOK) {
			t.Errorf("%.80s as a policy's: %v", query, err)
		}
	}
	const no, yes = http.StatusUnprocessableEntity, http.StatusOK
	f("sum_over_time(vector(1)[30d:1m])", yes)
	f("max_over_time(sum_over_time(vector(1)[1h:1m])[1d:1m])", yes)
	f("sum_over_time(vector(1)[1y:1ms])", no)
	f("sum_over_time(vector(1)[290y:])", no)
	f("sum_over_time(sum_over_time(vector(1)[1m:1s])[20d:1m])", no) // all of the days by the second
	f("sum_over_time("+strings.Repeat("sum_over_time(", 40)+"vector(1)"+strings.Repeat("[290y:290y])", 41), yes)
	double := func(n int) string {
		return strings.Repeat("label_replace(", n) + "gauge_0" + strings.Repeat(`, "host", "$1$1", "host", "(.*)")`, n)
	}
	f(double(5), yes)
	f(double(40), no)
	f(`label_join(gauge_0, "to", "-", "host", "env", "az")`, yes)
	f(`label_join(gauge_0, "to", ""`+strings.Repeat(`, "host"`, 33)+")", no)
	f(`label_replace(gauge_0, "to", "`+strings.Repeat("x", 2000)+`", "", "")`, no)
	f("label_replace(label_replace("+double(5)+`, "a", "$1", "host", "(.*)"), "b", "$1", "a", "(.*)")`, yes)

	values := url.Values{"query": {"sum_over_time(vector(1)[1m:1ms])"}, "start": {"1740000000"}, "end": {"1772366400"}, "step": {"1d"}}
	if got, body := a.Answer(t.Context(), "query_range", "", values); got != no {
		t.Errorf("a year by the millisecond = %d %.200s, want %d", got, body, no)
	}
}

// TestAnswer_BoundsTheSelectorsOfARequest: a body has room for a hundred
// thousand, and nothing would stop their being held against a million series.
func TestAnswer_BoundsTheSelectorsOfARequest(t *testing.T) {
	t.Parallel()
	a := api(t, history(t, 1, 0), promql.Limits{})
	for _, endpoint := range []string{"series", "labels", "label_values"} {
		f := func(selectors, status int) {
			t.Helper()
			values := url.Values{"match[]": slices.Repeat([]string{"gauge_0"}, selectors)}
			if got, body := a.Answer(t.Context(), endpoint, "host", values); got != status {
				t.Errorf("%s of %d selectors: status %d, want %d: %s", endpoint, selectors, got, status, body)
			}
		}
		f(64, http.StatusOK)
		f(65, http.StatusBadRequest)
	}
}
