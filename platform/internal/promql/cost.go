package promql

import (
	"cmp"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// What the engine makes room for without asking its limits, so that one line of
// text could end the process. Each bound is far beyond what dashboards ask.
const (
	maxSteps  = 1_000_000 // of a subquery; a year by the minute is half of that
	maxGrowth = 32        // how many times longer label_replace and label_join may make a label, nested
	maxSpelt  = 1024      // bytes that they may add
)

// defaultStep is that of a subquery which names none.
const defaultStep = time.Minute

// affordable refuses an expression that would cost too much by its form alone,
// when it is evaluated over a span of time.
func affordable(expr parser.Expr, span time.Duration) (err error) {
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		switch n := node.(type) {
		case *parser.SubqueryExpr:
			if steps := stepsOf(n, path, span); steps > maxSteps {
				err = tooExpensive("a subquery would take %.3g steps, the limit is %d", steps, maxSteps)
			}
		case *parser.Call:
			if spelt, grown := growthOf(n, path); spelt > maxSpelt || grown > maxGrowth {
				err = tooExpensive("%s would make labels too long", n.Func.Name)
			}
		}
		return err
	})
	return err
}

// stepsOf counts in floats, as ranges are up to 292 years and may be nested.
func stepsOf(sub *parser.SubqueryExpr, path []parser.Node, span time.Duration) float64 {
	long := float64(span) + float64(sub.Range)
	for _, above := range path {
		if outer, ok := above.(*parser.SubqueryExpr); ok {
			long += float64(outer.Range)
		}
	}
	return long / float64(cmp.Or(sub.Step, defaultStep))
}

// growthOf is how many bytes a call adds to a label, and how many times longer it
// and those around it may make one together.
func growthOf(call *parser.Call, path []parser.Node) (spelt int, grown float64) {
	spelt, grown = factorOf(call)
	for _, above := range path {
		if outer, ok := above.(*parser.Call); ok {
			_, factor := factorOf(outer)
			grown *= factor
		}
	}
	return spelt, grown
}

func factorOf(call *parser.Call) (spelt int, factor float64) {
	text := func(i int) string {
		if s, ok := call.Args[i].(*parser.StringLiteral); ok {
			return s.Val
		}
		return ""
	}
	switch call.Func.Name {
	case "label_replace": // v, to, replacement, from, pattern
		return len(text(2)), float64(max(1, strings.Count(text(2), "$")))
	case "label_join": // v, to, separator, from...
		return len(text(2)) * len(call.Args), float64(max(1, len(call.Args)-3))
	}
	return 0, 1
}
