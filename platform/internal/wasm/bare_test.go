package wasm_test

import (
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
