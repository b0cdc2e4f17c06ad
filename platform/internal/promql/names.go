package promql

import (
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxSelectors bounds the selectors of one request: each is held against every
// series.
const maxSelectors = 64

// known returns the series that any of the request's match[] selects, all of
// them without one, and that were heard of between its start and its end.
func (a *API) known(ctx context.Context, p params, required bool) ([]vigil.Series, error) {
	start, err := p.instant("start", time.Time{})
	if err != nil {
		return nil, err
	}
	end, err := p.instant("end", time.Unix(1<<40, 0))
	if err != nil {
		return nil, err
	}
	which, err := a.selected(p.Values["match[]"], required)
	if err != nil {
		return nil, err
	}
	ctx, done, err := a.turn(ctx, a.o.Limits.Timeout)
	if err != nil {
		return nil, err
	}
	defer done()
	return a.o.History.Known(ctx, which, start, end)
}

// selected is what any of some selectors selects, everything without one.
func (a *API) selected(selectors []string, required bool) (flow.Choice, error) {
	var none flow.Choice
	switch {
	case len(selectors) == 0 && required:
		return none, badData("no match[] parameter provided")
	case len(selectors) > maxSelectors:
		return none, badData("invalid parameter %q: there are more than %d of them", "match[]", maxSelectors)
	}
	var any []flow.Choice
	for _, text := range selectors {
		if len(text) > maxSelector {
			return none, badData("invalid parameter %q: it is longer than %d bytes", "match[]", maxSelector)
		}
		matchers, err := a.parser.ParseMetricSelector(text)
		if err != nil {
			return none, badData("invalid parameter %q: %v", "match[]", err)
		}
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return none, badData("invalid parameter %q: it must have a matcher that does not match the empty string", "match[]")
		}
		any = append(any, choice(matchers))
	}
	if len(any) == 1 {
		return any[0], nil
	}
	return flow.Choice{Match: func(s vigil.Series) bool {
		return len(any) == 0 || slices.ContainsFunc(any, func(c flow.Choice) bool { return c.Accepts(s) })
	}}, nil
}

func (a *API) labels(ctx context.Context, p params) (reply, error) {
	return a.names(ctx, p, func(s vigil.Series, seen map[string]bool) {
		seen[model.MetricNameLabel] = true
		for k := range s.Labels {
			seen[k] = true
		}
	})
}

func (a *API) labelValues(ctx context.Context, label string, p params) (reply, error) {
	if strings.HasPrefix(label, "U__") { // how readers spell a name that no path can hold
		label = model.UnescapeName(label, model.ValueEncodingEscaping)
	}
	if len(label) > maxSelector || !model.UTF8Validation.IsValidLabelName(label) {
		return reply{}, badData("invalid label name")
	}
	return a.names(ctx, p, func(s vigil.Series, seen map[string]bool) {
		if v := s.Get(label); v != "" {
			seen[v] = true
		}
	})
}

// names answers a sorted list of what note finds in the series.
func (a *API) names(ctx context.Context, p params, note func(vigil.Series, map[string]bool)) (reply, error) {
	limit, err := p.limit()
	if err != nil {
		return reply{}, err
	}
	known, err := a.known(ctx, p, false)
	if err != nil {
		return reply{}, err
	}
	seen := map[string]bool{}
	for _, s := range known {
		note(s, seen)
	}
	var said reply
	names := append([]string{}, slices.Sorted(maps.Keys(seen))...)
	if limit > 0 && len(names) > limit {
		names, said.warnings = names[:limit], []string{truncated}
	}
	said.data, err = json.Marshal(names)
	return said, err
}

func (a *API) series(ctx context.Context, p params) (reply, error) {
	limit, err := p.limit()
	if err != nil {
		return reply{}, err
	}
	known, err := a.known(ctx, p, true)
	if err != nil {
		return reply{}, err
	}
	var said reply
	if limit > 0 && len(known) > limit {
		known, said.warnings = known[:limit], []string{truncated}
	}
	out := []byte{'['}
	for i, s := range known {
		out = appendLabels(comma(out, i), labelsOf(s))
	}
	said.data = append(out, ']')
	return said, nil
}

func (a *API) buildInfo(context.Context, params) (reply, error) {
	data, err := json.Marshal(map[string]string{
		"version": a.o.Version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	})
	return reply{data: data}, err
}
