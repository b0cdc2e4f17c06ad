package bench

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

const policy = `
package bench

fire if {
	some value in input.values
	value > 0.8
}
`

// openOPA judges a batch at once, its input already parsed: one sample at a
// time takes seven times as long.
func openOPA(tb testing.TB) judge {
	tb.Helper()
	query, err := rego.New(rego.Query("data.bench.fire"), rego.Module("bench.rego", policy)).PrepareForEval(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return func(values []float64) (bool, error) {
		terms := make([]*ast.Term, len(values))
		for i, v := range values {
			terms[i] = ast.FloatNumberTerm(v)
		}
		input := ast.NewObject([2]*ast.Term{ast.InternedTerm("values"), ast.ArrayTerm(terms...)})
		out, err := query.Eval(tb.Context(), rego.EvalParsedInput(input))
		return len(out) > 0, err
	}
}
