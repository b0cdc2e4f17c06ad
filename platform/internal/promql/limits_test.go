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
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// counted is a store that counts the samples it gives away.
type counted struct {
	*metrics.Store
	given int
}

func (c *counted) Samples(ctx context.Context, match func(vigil.Series) bool, from, to time.Time) ([]flow.History, error) {
	found, err := c.Store.Samples(ctx, match, from, to)
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
