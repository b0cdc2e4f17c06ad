package bench

import (
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// openCEL judges sample by sample: its exists macro over a batch is slower.
func openCEL(tb testing.TB) judge {
	tb.Helper()
	env, err := cel.NewEnv(cel.Variable("value", cel.DoubleType))
	if err != nil {
		tb.Fatal(err)
	}
	rule, issues := env.Compile("value > 0.8")
	if issues.Err() != nil {
		tb.Fatal(issues.Err())
	}
	program, err := env.Program(rule, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		tb.Fatal(err)
	}
	in := map[string]any{}
	return func(values []float64) (bool, error) {
		for _, v := range values {
			in["value"] = v
			out, _, err := program.Eval(in)
			if err != nil || out == types.True {
				return err == nil, err
			}
		}
		return false, nil
	}
}
