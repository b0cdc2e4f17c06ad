package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/policy"
)

// bare is a guest in a runtime without any of Vigil's host around it, so that
// a test may send it what the host never would.
type bare struct {
	t      testing.TB
	module api.Module
}

// bareCache is shared by the tests, so that each module is compiled once.
var bareCache = sync.OnceValue(wazero.NewCompilationCache)

func newBare(t testing.TB, config wazero.RuntimeConfig, module []byte) *bare {
	t.Helper()
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(bareCache()))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	host := r.NewHostModuleBuilder(abi.ImportModule)
	host.NewFunctionBuilder().WithFunc(func(int32, uint32, uint32) {}).Export(abi.ImportLog)
	host.NewFunctionBuilder().WithFunc(func() int32 { return abi.LevelError }).Export(abi.ImportLogLevel)
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithStartFunctions(abi.ExportInitialize))
	if err != nil {
		t.Fatal(err)
	}
	return &bare{t, m}
}

func (b *bare) Configure(config uint32, settings []byte) error {
	_, err := b.send(abi.ExportConfigure, settings, uint64(config))
	return err
}

func (b *bare) Series(dictionary []byte) error {
	_, err := b.send(abi.ExportSeries, dictionary)
	return err
}

func (b *bare) Eval(batch []byte) ([]byte, error) { return b.send(abi.ExportEval, batch) }

// send puts a message into the guest's buffer, calls an export with args and
// the message, and fetches the answer or the fault.
func (b *bare) send(export string, message []byte, args ...uint64) ([]byte, error) {
	ptr := b.call(abi.ExportBuffer, uint64(len(message)))
	if ptr == 0 || ptr%8 != 0 || !b.module.Memory().Write(uint32(ptr), message) {
		return nil, fmt.Errorf("a buffer of %d bytes at %#x", len(message), ptr)
	}
	answer, err := b.region(b.call(export, append(args, ptr, uint64(len(message)))...))
	if err == nil {
		return answer, nil
	}
	fault := &policy.Fault{}
	if !errors.As(err, &fault.Errno) {
		return nil, err
	}
	doc, err := b.region(b.call(abi.ExportLastError))
	if err == nil {
		err = json.Unmarshal(doc, fault)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch why: %w", err)
	}
	return nil, fault
}

func (b *bare) call(export string, args ...uint64) uint64 {
	b.t.Helper()
	results, err := b.module.ExportedFunction(export).Call(b.t.Context(), args...)
	if err != nil {
		b.t.Fatalf("%s: %v", export, err)
	}
	return append(results, 0)[0]
}

func (b *bare) region(result uint64) ([]byte, error) {
	ptr, size, err := abi.Unpack(int64(result))
	if err != nil {
		return nil, err
	}
	bytes, ok := b.module.Memory().Read(ptr, size)
	if !ok {
		return nil, fmt.Errorf("answered %d bytes at %#x, outside its memory", size, ptr)
	}
	return bytes, nil
}

// bareAction is an action module in such a runtime; each call has an instance
// of its own, as in the sandbox.
type bareAction struct {
	t        testing.TB
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	host     action.Host // of the run under way
	reply    []byte
}

func newBareAction(t testing.TB, config wazero.RuntimeConfig, module []byte) *bareAction {
	t.Helper()
	ctx := t.Context()
	a := &bareAction{t: t, runtime: wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(bareCache()))}
	t.Cleanup(func() { _ = a.runtime.Close(context.Background()) })
	wasi_snapshot_preview1.MustInstantiate(ctx, a.runtime)
	host := a.runtime.NewHostModuleBuilder(abi.ImportModule)
	host.NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, level int32, ptr, size uint32) {
		a.host.Log(level, string(a.read(m, ptr, size)))
	}).Export(abi.ImportLog)
	host.NewFunctionBuilder().WithFunc(func() int32 { return a.host.LogLevel() }).Export(abi.ImportLogLevel)
	host.NewFunctionBuilder().WithFunc(func() int64 { return a.host.Deadline().UnixNano() }).Export(abi.ImportDeadline)
	host.NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, ptr, size uint32) {
		a.host.SpanEvent(string(a.read(m, ptr, size)))
	}).Export(abi.ImportSpanEvent)
	host.NewFunctionBuilder().WithFunc(a.call).Export(abi.ImportCall)
	host.NewFunctionBuilder().WithFunc(func(_ context.Context, m api.Module, ptr, room uint32) uint32 {
		n := min(int(room), len(a.reply))
		if !m.Memory().Write(ptr, a.reply[:n]) {
			t.Errorf("a reply of %d bytes does not fit at %#x", n, ptr)
		}
		return uint32(n)
	}).Export(abi.ImportReply)
	if _, err := host.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	var err error
	if a.compiled, err = a.runtime.CompileModule(ctx, module); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *bareAction) read(m api.Module, ptr, size uint32) []byte {
	b, ok := m.Memory().Read(ptr, size)
	if !ok {
		a.t.Errorf("the guest named %d bytes at %#x", size, ptr)
	}
	return b
}

func (a *bareAction) call(_ context.Context, m api.Module, op, opSize, req, reqSize uint32) int64 {
	reply, err := a.host.Call(string(a.read(m, op, opSize)), a.read(m, req, reqSize))
	if a.reply = reply; err == nil {
		return int64(len(reply))
	}
	errno := abi.ErrInternal
	errors.As(err, &errno)
	return int64(errno)
}

func (a *bareAction) fresh() *bare {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions(abi.ExportInitialize)
	m, err := a.runtime.InstantiateModule(a.t.Context(), a.compiled, config)
	if err != nil {
		a.t.Fatal(err)
	}
	return &bare{a.t, m}
}

func (a *bareAction) Check(with []byte) error {
	g := a.fresh()
	defer g.module.Close(context.Background())
	return g.Configure(1, with)
}

func (a *bareAction) Run(h action.Host, input []byte) ([]byte, error) {
	g := a.fresh()
	defer g.module.Close(context.Background())
	a.host = h
	out, err := g.send(abi.ExportRun, input)
	return bytes.Clone(out), err
}
