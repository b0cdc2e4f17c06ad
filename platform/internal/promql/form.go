package promql

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Form reads the expression of a policy's query and says what can be said of it
// without evaluating it. Errors are Invalid with code query_invalid; the field
// position counts bytes from 1.
func (a *API) Form(text string) (flow.QueryForm, error) {
	if len(text) > a.o.Limits.Bytes {
		return flow.QueryForm{}, unfit(a.o.Limits.Bytes, "is longer than %d bytes", a.o.Limits.Bytes)
	}
	expr, err := a.parser.ParseExpr(text)
	if err != nil {
		offset, says := complaint(err)
		return flow.QueryForm{}, unfit(offset, "cannot be read: %v", says)
	}
	if t := expr.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return flow.QueryForm{}, unfit(int(expr.PositionRange().Start), "is of type %s; want an instant vector or a scalar, as rate() gives of a range", parser.DocumentedType(t))
	}
	if err := affordable(expr, 0); err != nil {
		return flow.QueryForm{}, unfit(int(expr.PositionRange().Start), "costs too much: %v", err)
	}
	reach, present := reachOf(expr)
	if !present {
		return flow.QueryForm{}, unfit(int(expr.PositionRange().Start), "selects no series of the present; at least one selector must have neither offset nor @")
	}
	l := labelsIn(expr)
	return flow.QueryForm{Reach: reach, Labels: slices.Sorted(maps.Keys(l.names)), Open: l.open}, nil
}

// unfit is the error for an expression that no policy can judge; offset counts
// bytes from 0.
func unfit(offset int, format string, args ...any) error {
	e := vigil.Errorf(vigil.Invalid, "query_invalid", "query "+format, args...)
	return e.With("position", offset+1).With("field", "select.query").Hinted("vigil query EXPRESSION shows what it gives")
}

// reachOf is how far the selectors of the present look back, the lookback aside.
// Those with an offset or @ look elsewhere on purpose, to compare.
func reachOf(expr parser.Expr) (reach time.Duration, present bool) {
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		n, ok := node.(*parser.VectorSelector)
		if !ok || n.OriginalOffset != 0 || n.OriginalOffsetExpr != nil || n.Timestamp != nil || n.StartOrEnd != 0 {
			return nil
		}
		back := time.Duration(0)
		for _, above := range path {
			switch above := above.(type) {
			case *parser.MatrixSelector:
				back += above.Range
			case *parser.SubqueryExpr:
				if above.OriginalOffset != 0 || above.OriginalOffsetExpr != nil || above.Timestamp != nil || above.StartOrEnd != 0 {
					return nil
				}
				back += above.Range
			}
		}
		reach, present = max(reach, back), true
		return nil
	})
	return reach, present
}

// labelling is which labels the results of an expression may have.
type labelling struct {
	names map[string]bool
	open  bool // and any other
}

func only(names ...string) labelling {
	l := labelling{names: map[string]bool{}}
	for _, n := range names {
		l.names[n] = true
	}
	return l
}

func (l labelling) and(other labelling) labelling {
	maps.Copy(l.names, other.names)
	l.open = l.open || other.open
	return l
}

// labelsIn errs on the side of more labels than there are.
func labelsIn(expr parser.Expr) labelling {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return labelsIn(e.Expr)
	case *parser.UnaryExpr:
		return labelsIn(e.Expr)
	case *parser.StepInvariantExpr:
		return labelsIn(e.Expr)
	case *parser.MatrixSelector:
		return labelsIn(e.VectorSelector)
	case *parser.SubqueryExpr:
		return labelsIn(e.Expr)
	case *parser.AggregateExpr:
		return labelsOfAggregate(e)
	case *parser.BinaryExpr:
		return labelsOfBinary(e)
	case *parser.Call:
		return labelsOfCall(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return only()
	}
	return labelling{names: map[string]bool{}, open: true}
}

func labelsOfAggregate(e *parser.AggregateExpr) labelling {
	inner := labelsIn(e.Expr)
	switch {
	case e.Op == parser.TOPK || e.Op == parser.BOTTOMK || e.Op == parser.LIMITK || e.Op == parser.LIMIT_RATIO:
		return inner // whole series are kept
	case e.Without:
		for _, name := range e.Grouping {
			delete(inner.names, name)
		}
	default:
		inner = only(e.Grouping...)
	}
	if text, ok := e.Param.(*parser.StringLiteral); ok { // of count_values
		inner.names[text.Val] = true
	}
	return inner
}

func labelsOfBinary(e *parser.BinaryExpr) labelling {
	left, right := labelsIn(e.LHS), labelsIn(e.RHS)
	m := e.VectorMatching
	switch {
	case m == nil: // one of them is a scalar, which has no labels
		return left.and(right)
	case e.Op == parser.LOR:
		return left.and(right)
	case e.Op == parser.LAND || e.Op == parser.LUNLESS:
		return left
	case m.Card == parser.CardManyToOne:
		return left.and(only(m.Include...))
	case m.Card == parser.CardOneToMany:
		return right.and(only(m.Include...))
	case m.On && !e.Op.IsComparisonOperator():
		return only(m.MatchingLabels...)
	}
	return left
}

func labelsOfCall(e *parser.Call) labelling {
	l := only()
	for _, arg := range e.Args {
		l = l.and(labelsIn(arg))
	}
	switch e.Func.Name {
	case "vector", "scalar", "time", "pi":
		return only()
	case "absent", "absent_over_time":
		return labelsOfAbsence(e.Args[0])
	case "label_replace", "label_join":
		if text, ok := e.Args[1].(*parser.StringLiteral); ok {
			l.names[text.Val] = true
		}
	}
	return l
}

// labelsOfAbsence are those that absent() makes up: of equal matchers.
func labelsOfAbsence(arg parser.Expr) labelling {
	if m, ok := arg.(*parser.MatrixSelector); ok {
		arg = m.VectorSelector
	}
	l := only()
	if v, ok := arg.(*parser.VectorSelector); ok {
		for _, m := range v.LabelMatchers {
			if m.Type == labels.MatchEqual && m.Name != model.MetricNameLabel {
				l.names[m.Name] = true
			}
		}
	}
	return l
}
