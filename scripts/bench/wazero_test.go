package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// deadline is what a call may take, for the peers that have one: enough that a
// busy machine does not end a call that is only measured.
const deadline = 10 * time.Second

// openWazero runs Vigil's own threshold module as wazero does by itself: it is
// interrupted when its context ends.
func openWazero(tb testing.TB) judge {
	tb.Helper()
	g := &plain{module: instantiate(tb, build(tb, "../../modules/policies/threshold"))}
	g.eval, g.buffer = g.module.ExportedFunction(abi.ExportEval), g.module.ExportedFunction(abi.ExportBuffer)
	if err := g.introduce(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return func(values []float64) (bool, error) { return g.judge(tb.Context(), values) }
}

func instantiate(tb testing.TB, module []byte) api.Module {
	tb.Helper()
	ctx := tb.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true))
	tb.Cleanup(func() { _ = r.Close(context.Background()) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	code, err := r.CompileModule(ctx, module)
	if err != nil {
		tb.Fatal(err)
	}
	if err := idleHost(ctx, r, code); err != nil {
		tb.Fatal(err)
	}
	guest, err := r.InstantiateModule(ctx, code, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		tb.Fatal(err)
	}
	return guest
}

// idleHost answers nothing to whatever the module may ask of Vigil.
func idleHost(ctx context.Context, r wazero.Runtime, code wazero.CompiledModule) error {
	host := r.NewHostModuleBuilder(abi.ImportModule)
	for _, f := range code.ImportedFunctions() {
		if module, name, _ := f.Import(); module == abi.ImportModule {
			host.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { clear(stack) }), f.ParamTypes(), f.ResultTypes()).Export(name)
		}
	}
	_, err := host.Instantiate(ctx)
	return err
}

// plain speaks Vigil's ABI to a module that stands in no sandbox of Vigil's. It
// keeps its buffers, so that nothing but the interruption is dearer.
type plain struct {
	module       api.Module
	eval, buffer api.Function
	ptr, size    uint64 // the guest's buffer
	stack        [3]uint64
	times        []int64
	said         []abi.Decision
}

// introduce tells the guest its settings and its one series.
func (g *plain) introduce(ctx context.Context) error {
	settings := fmt.Appendf(nil, `{"above":%v}`, above)
	if err := g.send(ctx, g.module.ExportedFunction(abi.ExportConfigure), settings, 1); err != nil {
		return err
	}
	dictionary := abi.AppendDictionary(nil, []abi.Series{{ID: 1, Labels: []string{"__name__", "cpu_usage"}}})
	return g.send(ctx, g.module.ExportedFunction(abi.ExportSeries), dictionary)
}

// send copies a message into the guest and calls f with it.
func (g *plain) send(ctx context.Context, f api.Function, message []byte, before ...uint64) error {
	room, err := g.reserve(ctx, len(message))
	if err != nil {
		return err
	}
	copy(room, message)
	_, err = g.call(ctx, f, append(before, g.ptr, uint64(len(message)))...)
	return err
}

// reserve is room in the guest's memory.
func (g *plain) reserve(ctx context.Context, size int) ([]byte, error) {
	if g.size < uint64(size) {
		at, err := g.buffer.Call(ctx, uint64(size))
		if err != nil {
			return nil, err
		}
		g.ptr, g.size = at[0], uint64(size)
	}
	return g.view(g.ptr, uint64(size))
}

// view is a part of the guest's memory.
func (g *plain) view(ptr, size uint64) ([]byte, error) {
	b, ok := g.module.Memory().Read(uint32(ptr), uint32(size))
	if !ok {
		return nil, fmt.Errorf("%d bytes at %d lie outside of memory", size, ptr)
	}
	return b, nil
}

func (g *plain) call(ctx context.Context, f api.Function, args ...uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	copy(g.stack[:], args)
	if err := f.CallWithStack(ctx, g.stack[:]); err != nil {
		return nil, err
	}
	result := g.stack[0]
	if int64(result) < 0 {
		return nil, fmt.Errorf("guest answered %d", int64(result))
	}
	return g.view(result>>32, result&(1<<32-1))
}

// judge writes a batch straight into the guest's memory, as Vigil does.
func (g *plain) judge(ctx context.Context, values []float64) (bool, error) {
	for len(g.times) < len(values) {
		g.times = append(g.times, int64(len(g.times)))
	}
	room, err := g.reserve(ctx, abi.BatchSize(1, len(values)))
	if err != nil {
		return false, err
	}
	rows := [1]abi.Row{{ID: 1, Count: uint32(len(values))}}
	abi.AppendBatch(room[:0], abi.Header{Config: 1}, rows[:], g.times[:len(values)], values)
	reply, err := g.call(ctx, g.eval, g.ptr, uint64(len(room)))
	if err != nil {
		return false, err
	}
	g.said, err = abi.ReadDecisions(g.said[:0], reply, 1)
	return slices.ContainsFunc(g.said, func(d abi.Decision) bool { return d.Kind == abi.KindFire }), err
}
