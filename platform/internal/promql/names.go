package promql

import (
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxSelectors bounds the selectors of one request: each is held against every
// series.
const maxSelectors = 64

// known returns the series that any of the request's match[] selects, all of
// them without one. A range of time is not looked at: what is known is in the
// index.
func (a *API) known(p params, required bool) ([]vigil.Series, error) {
	selectors := p.Values["match[]"]
	switch {
	case len(selectors) == 0 && required:
		return nil, badData("no match[] parameter provided")
	case len(selectors) > maxSelectors:
		return nil, badData("invalid parameter %q: there are more than %d of them", "match[]", maxSelectors)
	}
	var any []func(vigil.Series) bool
	for _, text := range selectors {
		if len(text) > maxSelector {
			return nil, badData("invalid parameter %q: it is longer than %d bytes", "match[]", maxSelector)
		}
		matchers, err := a.parser.ParseMetricSelector(text)
		if err != nil {
			return nil, badData("invalid parameter %q: %v", "match[]", err)
		}
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches("") }) {
			return nil, badData("invalid parameter %q: it must have a matcher that does not match the empty string", "match[]")
		}
		any = append(any, matching(matchers))
	}
	return a.o.History.Known(func(s vigil.Series) bool {
		return len(any) == 0 || slices.ContainsFunc(any, func(match func(vigil.Series) bool) bool { return match(s) })
	}), nil
}

func (a *API) labels(_ context.Context, p params) ([]byte, error) {
	return a.names(p, func(s vigil.Series, seen map[string]bool) {
		seen[model.MetricNameLabel] = true
		for k := range s.Labels {
			seen[k] = true
		}
	})
}

func (a *API) labelValues(label string, p params) ([]byte, error) {
	if label == "" || len(label) > maxSelector {
		return nil, badData("invalid label name")
	}
	return a.names(p, func(s vigil.Series, seen map[string]bool) {
		if v := s.Get(label); v != "" {
			seen[v] = true
		}
	})
}

// names answers a sorted list of what note finds in the series.
func (a *API) names(p params, note func(vigil.Series, map[string]bool)) ([]byte, error) {
	limit, err := p.limit()
	if err != nil {
		return nil, err
	}
	known, err := a.known(p, false)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range known {
		note(s, seen)
	}
	names := slices.Sorted(maps.Keys(seen))
	if limit > 0 && len(names) > limit {
		names = names[:limit]
	}
	return json.Marshal(append([]string{}, names...))
}

func (a *API) series(_ context.Context, p params) ([]byte, error) {
	limit, err := p.limit()
	if err != nil {
		return nil, err
	}
	known, err := a.known(p, true)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(known) > limit {
		known = known[:limit]
	}
	out := []byte{'['}
	for i, s := range known {
		out = appendLabels(comma(out, i), labelsOf(s))
	}
	return append(out, ']'), nil
}

func (a *API) buildInfo(context.Context, params) ([]byte, error) {
	return json.Marshal(map[string]string{
		"version": a.o.Version, "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	})
}
