package binary

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

const features = api.CoreFeatureMutableGlobal | api.CoreFeatureSignExtensionOps | api.CoreFeatureMultiValue |
	api.CoreFeatureNonTrappingFloatToIntConversion | api.CoreFeatureBulkMemoryOperations | api.CoreFeatureReferenceTypes

// engines are the two ways to run a module.
func engines(t testing.TB) map[string]wazero.Runtime {
	t.Helper()
	all := map[string]wazero.Runtime{}
	for name, config := range map[string]wazero.RuntimeConfig{
		"compiler":    wazero.NewRuntimeConfigCompiler(),
		"interpreter": wazero.NewRuntimeConfigInterpreter(),
	} {
		all[name] = newRuntime(t, config)
	}
	return all
}

// newRuntime offers what metered code imports.
func newRuntime(t testing.TB, config wazero.RuntimeConfig) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(features).WithMemoryLimitPages(1024))
	t.Cleanup(func() { _ = r.Close(ctx) })
	_, err := r.NewHostModuleBuilder(YieldModule).NewFunctionBuilder().
		WithFunc(func(ctx context.Context) {
			if n, ok := ctx.Value(yieldKey{}).(*int); ok {
				*n++
			}
		}).Export(YieldName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// yieldKey leads to an int that counts the yields of a call.
type yieldKey struct{}

func inspected(t testing.TB, module []byte) *Shape {
	t.Helper()
	s, err := Inspect(module)
	if err != nil {
		t.Fatalf("Inspect: %v", err)
	}
	return s
}

func instantiate(t testing.TB, r wazero.Runtime, code []byte) api.Module {
	t.Helper()
	m, err := r.InstantiateWithConfig(t.Context(), code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

func contextWithYields(t testing.TB, yields *int) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), yieldKey{}, yields)
}
