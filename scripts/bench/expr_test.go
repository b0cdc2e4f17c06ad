package bench

import (
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// batch is what an expression sees.
type batch struct {
	Values []float64 `expr:"values"`
}

// openExpr judges a batch at once: one sample at a time takes half as long again.
func openExpr(tb testing.TB) judge {
	tb.Helper()
	program, err := expr.Compile("any(values, # > 0.8)", expr.Env(&batch{}), expr.AsBool())
	if err != nil {
		tb.Fatal(err)
	}
	machine, env := vm.VM{}, &batch{}
	return func(values []float64) (bool, error) {
		env.Values = values
		out, err := machine.Run(program, env)
		return out == true, err
	}
}
