package promql

import (
	"errors"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxSelector bounds a selector's length in bytes. It also bounds what its
// regular expressions can cost, which run in time linear in their length.
const maxSelector = 4096

// Selector says which series a policy judges. It is never empty and never
// changes, so it may be shared.
type Selector struct {
	text     string
	matchers []*labels.Matcher
}

// ParseSelector reads a PromQL vector selector. Errors are Invalid with code
// selector_invalid; the field position counts bytes from 1.
func ParseSelector(s string) (*Selector, error) {
	if len(s) > maxSelector {
		return nil, invalid(maxSelector, "is longer than %d bytes", maxSelector)
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(s)
	if err != nil {
		return nil, syntaxError(err)
	}
	v, ok := expr.(*parser.VectorSelector)
	if !ok {
		return nil, invalid(0, "is an expression of type %s; want a plain selector", parser.DocumentedType(expr.Type()))
	}
	if v.OriginalOffsetExpr != nil || v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0 || v.Anchored || v.Smoothed {
		return nil, invalid(int(v.PosRange.Start), "carries a modifier; a policy always judges the present")
	}
	return &Selector{text: v.String(), matchers: v.LabelMatchers}, nil
}

// Matcher returns the test that a selector stands for.
func Matcher(s string) (func(vigil.Series) bool, error) {
	sel, err := ParseSelector(s)
	if err != nil {
		return nil, err
	}
	return sel.Matches, nil
}

// Metric returns the name of the only metric that the selector can select, ""
// if it leaves the name open.
func (s *Selector) Metric() string {
	for _, m := range s.matchers {
		if m.Name == "__name__" && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// Named returns the metric that a selector names, "" if it leaves that open,
// and the test that it stands for.
func Named(s string) (metric string, matches func(vigil.Series) bool, err error) {
	sel, err := ParseSelector(s)
	if err != nil {
		return "", nil, err
	}
	return sel.Metric(), sel.Matches, nil
}

// Matches reports whether the selector selects the series. A label that the
// series lacks counts as empty.
func (s *Selector) Matches(series vigil.Series) bool {
	for _, m := range s.matchers {
		if !m.Matches(series.Get(m.Name)) {
			return false
		}
	}
	return true
}

// String renders the selector as PromQL.
func (s *Selector) String() string { return s.text }

// syntaxError renders the parser's first complaint.
func syntaxError(err error) error {
	offset, says := complaint(err)
	return invalid(offset, "cannot be read: %v", says)
}

// complaint is the parser's first without its line and column prefix, which the
// position field carries.
func complaint(err error) (offset int, says error) {
	var errs parser.ParseErrors
	if errors.As(err, &errs) && len(errs) > 0 {
		return int(errs[0].PositionRange.Start), errs[0].Err
	}
	return 0, err
}

// invalid makes the one error of this package; offset counts bytes from 0.
func invalid(offset int, format string, args ...any) error {
	e := vigil.Errorf(vigil.Invalid, "selector_invalid", "selector "+format, args...)
	return e.With("position", offset+1).With("field", "select").
		Hinted("write a metric name with optional label matchers, for example cpu_usage{host=~\"web-.*\"}")
}
