package promql

import (
	"cmp"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxVerdicts bounds what a regular expression's verdicts are remembered of: a
// label with more values than that seldom has one of them twice.
const maxVerdicts = 4096

// choice is the test that all matchers together stand for, for one reading. The
// store looks a metric up by its name; equalities are asked before regular
// expressions, and those once for each value that a label has.
func choice(matchers []*labels.Matcher) flow.Choice {
	var tests []func(vigil.Series) bool
	metric, named := "", false
	for _, m := range ordered(matchers) {
		switch {
		case m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual && m.Value != "" && !named:
			metric, named = m.Value, true // which is the test
		case m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp:
			tests = append(tests, onceEach(m))
		default:
			tests = append(tests, func(s vigil.Series) bool { return m.Matches(s.Get(m.Name)) })
		}
	}
	return flow.Choice{Metric: metric, Match: func(s vigil.Series) bool {
		for _, test := range tests {
			if !test(s) {
				return false
			}
		}
		return true
	}}
}

// ordered puts the cheap matchers first.
func ordered(matchers []*labels.Matcher) []*labels.Matcher {
	return slices.SortedStableFunc(slices.Values(matchers), func(a, b *labels.Matcher) int { return cmp.Compare(a.Type, b.Type) })
}

// onceEach is a matcher that remembers what it said of a value.
func onceEach(m *labels.Matcher) func(vigil.Series) bool {
	verdicts := map[string]bool{}
	return func(s vigil.Series) bool {
		value := s.Get(m.Name)
		verdict, known := verdicts[value]
		if !known {
			verdict = m.Matches(value)
			if len(verdicts) < maxVerdicts {
				verdicts[value] = verdict
			}
		}
		return verdict
	}
}
