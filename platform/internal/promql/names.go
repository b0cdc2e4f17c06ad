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

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxSelectors bounds the selectors of one request: each is held against every
// series.
const maxSelectors = 64

// known returns the series that any of the request's match[] selects, all of
// them without one. A range of time is not looked at: what is known is in the
// index.
func (a *API) known(p params, required bool) ([]vigil.Series, error) {
	for _, name := range []string{"start", "end"} {
		if _, err := p.instant(name, time.Time{}); err != nil {
			return nil, err
		}
	}
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

func (a *API) labels(_ context.Context, p params) (reply, error) {
	return a.names(p, func(s vigil.Series, seen map[string]bool) {
		seen[model.MetricNameLabel] = true
		for k := range s.Labels {
			seen[k] = true
		}
	})
}

func (a *API) labelValues(label string, p params) (reply, error) {
	if strings.HasPrefix(label, "U__") { // how readers spell a name that no path can hold
		label = model.UnescapeName(label, model.ValueEncodingEscaping)
	}
	if len(label) > maxSelector || !model.UTF8Validation.IsValidLabelName(label) {
		return reply{}, badData("invalid label name")
	}
	return a.names(p, func(s vigil.Series, seen map[string]bool) {
		if v := s.Get(label); v != "" {
			seen[v] = true
		}
	})
}

// names answers a sorted list of what note finds in the series.
func (a *API) names(p params, note func(vigil.Series, map[string]bool)) (reply, error) {
	limit, err := p.limit()
	if err != nil {
		return reply{}, err
	}
	known, err := a.known(p, false)
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

func (a *API) series(_ context.Context, p params) (reply, error) {
	limit, err := p.limit()
	if err != nil {
		return reply{}, err
	}
	known, err := a.known(p, true)
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
