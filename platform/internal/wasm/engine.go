package wasm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options configure an Engine. The zero value works, without a cache on disk.
type Options struct {
	CacheDir    string        // of compiled modules; made with mode 0700; "" keeps none
	Log         *slog.Logger  // nil discards
	MemoryPages uint32        // most memory of one guest, in pages of 64 KiB; 0 means 1024
	Deadline    time.Duration // of one call of a policy; 0 means 500ms
}

// Engine compiles and runs guests. It is safe for concurrent use.
type Engine struct {
	log      *slog.Logger
	deadline time.Duration
	pages    uint32
	host     []hostFunc
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	refills  sync.WaitGroup // goroutines that make spare instances; Close waits

	mu     sync.Mutex
	guests map[string]*guest // by digest; guarded by mu
	clock  uint64            // counts uses, for the least recent; guarded by mu
	closed bool              // guarded by mu
}

// New makes an engine. Its owner closes it when no call is under way.
func New(ctx context.Context, o Options) (_ *Engine, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MemoryPages == 0 {
		o.MemoryPages = defaultPages
	}
	o.MemoryPages = min(o.MemoryPages, 1<<16)
	if o.Deadline == 0 {
		o.Deadline = 500 * time.Millisecond
	}
	cache, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	config := interruptible(wazero.NewRuntimeConfigCompiler()).
		WithCompilationCache(cache).
		WithMemoryLimitPages(o.MemoryPages).
		WithDebugInfoEnabled(false).
		WithCoreFeatures(guestFeatures)
	e := &Engine{
		log:      o.Log,
		deadline: o.Deadline,
		pages:    o.MemoryPages,
		host:     hostFuncs(),
		runtime:  wazero.NewRuntimeWithConfig(ctx, config),
		cache:    cache,
		guests:   map[string]*guest{},
	}
	if err := e.offer(ctx); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// guestFeatures are what today's toolchains emit for a reactor. Vectors,
// threads, tail calls, exceptions and garbage collection are not among them.
const guestFeatures = api.CoreFeatureMutableGlobal | api.CoreFeatureSignExtensionOps | api.CoreFeatureMultiValue |
	api.CoreFeatureNonTrappingFloatToIntConversion | api.CoreFeatureBulkMemoryOperations | api.CoreFeatureReferenceTypes

// interruptible chooses how a guest that runs too long is stopped, and is the
// only place that does. The runtime's own way costs an exit to Go at every
// loop header, 60 to 80 ns a sample and 2.4 µs a call, and a recursion without
// a loop is stopped by the end of its stack only. Metering the module's code
// while it is checked would be cheaper and deterministic; it would replace this
// function.
func interruptible(c wazero.RuntimeConfig) wazero.RuntimeConfig {
	return c.WithCloseOnContextDone(true)
}

// openCache opens the directory of compiled modules. What lies there is native
// code that will be run, so nobody else may write to it.
func openCache(dir string) (wazero.CompilationCache, error) {
	if dir == "" {
		return wazero.NewCompilationCache(), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make module cache: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory, not a file
		return nil, fmt.Errorf("protect module cache: %w", err)
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open module cache %s: %w", dir, err)
	}
	return cache, nil
}

// offer makes the host's functions known to the runtime.
func (e *Engine) offer(ctx context.Context) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, f := range e.host {
		b, ok := builders[f.module]
		if !ok {
			b = e.runtime.NewHostModuleBuilder(f.module)
			builders[f.module] = b
		}
		b.NewFunctionBuilder().WithGoModuleFunction(f.goFunc(), []byte(f.sig.params), []byte(f.sig.results)).Export(f.name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("offer host module %s: %w", name, err)
		}
	}
	return nil
}

// Check says whether a module may be stored: it keeps every limit, imports and
// exports what the ABI says, compiles, and makes an instance that lives. The
// errors of a module are Invalid and name section, offset and limit.
func (e *Engine) Check(ctx context.Context, module []byte) (vigil.Manifest, error) {
	g, err := e.acquire(ctx, digestOf(module), func() ([]byte, error) { return module, nil })
	if err != nil {
		return vigil.Manifest{}, err
	}
	defer e.release(ctx, g)
	e.drop(ctx, g)
	return g.manifest, nil
}

// Close ends the engine: it waits for instances in the making and frees all
// compiled modules.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.refills.Wait()
	return errors.Join(e.runtime.Close(ctx), e.cache.Close(ctx))
}
