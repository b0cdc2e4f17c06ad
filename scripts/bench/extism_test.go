package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	extism "github.com/extism/go-sdk"
)

// openExtism runs a plugin with a timeout.
func openExtism(tb testing.TB) judge {
	tb.Helper()
	manifest := extism.Manifest{
		Wasm:    []extism.Wasm{extism.WasmData{Data: build(tb, "plugin")}},
		Timeout: uint64(deadline.Milliseconds()),
	}
	plugin, err := extism.NewPlugin(tb.Context(), manifest, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = plugin.Close(context.Background()) })
	var in []byte
	return func(values []float64) (bool, error) {
		in = in[:0]
		for _, v := range values {
			in = binary.LittleEndian.AppendUint64(in, math.Float64bits(v))
		}
		_, out, err := plugin.CallWithContext(tb.Context(), "judge", in)
		if err != nil || len(out) != 1 {
			return false, fmt.Errorf("plugin said %v: %w", out, err)
		}
		return out[0] == 1, nil
	}
}
