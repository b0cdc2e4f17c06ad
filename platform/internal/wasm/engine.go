package wasm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Options configure an Engine. The zero value works, without a cache on disk.
type Options struct {
	CacheDir    string        // of compiled modules; made with mode 0700; "" keeps none
	CacheBytes  int64         // most that the cache on disk holds; 0 means 1 GiB
	Log         *slog.Logger  // nil discards
	MemoryPages uint32        // most memory of one guest whose manifest wants no more or less, in pages of 64 KiB; 0 means 1024
	MostMemory  vigil.Size    // most memory that a manifest may want; 0 means 256MiB
	Memory      int64         // most bytes of all guests together; 0 means 1 GiB
	Deadline    time.Duration // of one call of a policy; 0 means 500ms
	PolicyFuel  int64         // of one call of a policy; 0 means 200 million; what a message holds comes on top
	ActionFuel  int64         // of one run of an action; 0 means 5,000 million
	Running     int           // guests that run at once; 0 means one less than there are processors, at least 1
	Compiler    Compiler      // of modules that Check has not seen before; the zero one is this process
	Strikes     int           // traps in a row of bad behaviour that bring a module into quarantine; 0 means 5
}

// filled returns the options with their defaults.
func (o Options) filled() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.CacheBytes = cmp.Or(o.CacheBytes, cacheBytes)
	o.MemoryPages = min(cmp.Or(o.MemoryPages, defaultPages), 1<<16)
	o.MostMemory = min(cmp.Or(o.MostMemory, mostMemory), 4<<30)
	o.Memory = cmp.Or(o.Memory, defaultMemory)
	o.Deadline = cmp.Or(o.Deadline, 500*time.Millisecond)
	o.PolicyFuel = cmp.Or(o.PolicyFuel, defaultPolicyFuel)
	o.ActionFuel = cmp.Or(o.ActionFuel, defaultActionFuel)
	o.Running = cmp.Or(o.Running, max(1, runtime.GOMAXPROCS(0)-1))
	o.Strikes = cmp.Or(o.Strikes, defaultStrikes)
	o.Compiler.Time = cmp.Or(o.Compiler.Time, slowdown*compileTime)
	o.Compiler.Memory = cmp.Or(o.Compiler.Memory, compileMemory)
	return o
}

// Engine compiles and runs guests. It is safe for concurrent use.
type Engine struct {
	o       Options
	log     *slog.Logger
	memory  budget
	seats   *seats
	host    []hostFunc
	cache   wazero.CompilationCache
	shelf   shelf
	apart   chan struct{}  // holds whoever has a compiling child
	refills sync.WaitGroup // goroutines that make spare instances; Close waits

	mu       sync.Mutex
	guests   map[string]*guest         // by digest; guarded by mu
	tallies  map[string]*tally         // by digest; guarded by mu
	runtimes map[uint32]wazero.Runtime // by the most pages of a guest; guarded by mu
	clock    uint64                    // counts uses, for the least recent; guarded by mu
	closed   bool                      // guarded by mu
}

// New makes an engine. Its owner closes it when no call is under way.
func New(ctx context.Context, o Options) (_ *Engine, err error) {
	o = o.filled()
	if o.Compiler.Command != nil && o.CacheDir == "" {
		return nil, vigil.Errorf(vigil.Internal, "cache_missing", "a compiler in a process of its own needs a cache on disk")
	}
	cache, err := openCache(o.CacheDir)
	if err != nil {
		return nil, err
	}
	trim(o.CacheDir, o.CacheBytes, o.Log)
	e := &Engine{
		o:        o,
		log:      o.Log,
		memory:   budget{limit: o.Memory},
		seats:    newSeats(o.Running),
		host:     hostFuncs(),
		cache:    cache,
		shelf:    openShelf(o.CacheDir, o.Log),
		apart:    make(chan struct{}, 1),
		guests:   map[string]*guest{},
		tallies:  map[string]*tally{},
		runtimes: map[uint32]wazero.Runtime{},
	}
	if _, err := e.runtimeOf(ctx, o.MemoryPages); err != nil { // nearly every guest's
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// limits are those of every runtime. Interruption is left off:
// the meter's code stops by itself, at a fifteenth of the price.
func limits(c wazero.RuntimeConfig, pages uint32) wazero.RuntimeConfig {
	return c.WithMemoryLimitPages(pages).WithDebugInfoEnabled(false).WithCoreFeatures(guestFeatures)
}

// guestFeatures are what today's toolchains emit for a reactor. Vectors,
// threads, tail calls, exceptions and garbage collection are not among them.
const guestFeatures = api.CoreFeatureMutableGlobal | api.CoreFeatureSignExtensionOps | api.CoreFeatureMultiValue |
	api.CoreFeatureNonTrappingFloatToIntConversion | api.CoreFeatureBulkMemoryOperations | api.CoreFeatureReferenceTypes

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
	sweep(dir, time.Now())
	return cache, nil
}

// offer makes the host's functions known to the runtime, and with them the one
// that only the meter may call.
func offer(ctx context.Context, r wazero.Runtime, host []hostFunc) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, f := range append([]hostFunc{yield()}, host...) {
		b, ok := builders[f.module]
		if !ok {
			b = r.NewHostModuleBuilder(f.module)
			builders[f.module] = b
		}
		b.NewFunctionBuilder().WithGoModuleFunction(f.goFunc(), []byte(f.sig.Params), []byte(f.sig.Results)).Export(f.name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("offer host module %s: %w", name, err)
		}
	}
	return nil
}

// Check says whether a module may be stored: it keeps every limit, imports and
// exports what the ABI says, compiles, makes an instance that lives, and says
// the same to its own vectors when it is compiled and interpreted. The errors of a module are Invalid and name section, offset and limit.
func (e *Engine) Check(ctx context.Context, module []byte) (vigil.Manifest, error) {
	from := source{bytes: func() ([]byte, error) { return module, nil }, untrusted: true}
	g, err := e.acquire(ctx, digestOf(module), from)
	if err != nil {
		return vigil.Manifest{}, err
	}
	defer e.release(ctx, g)
	defer e.drop(ctx, g)
	if e.proven(g) {
		return g.manifest, nil
	}
	c, err := e.checked(g.digest, from)
	if err != nil {
		return vigil.Manifest{}, err
	}
	if err := e.prove(ctx, g, c.code); err != nil {
		return vigil.Manifest{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	g.proven = true
	return g.manifest, nil
}

// Manifest reads what a module says about itself, and looks at nothing else. It
// is for modules that were checked when the binary that carries them was built:
// a start need not compile and try them again. Their limits are still checked
// when they are first used.
func (e *Engine) Manifest(module []byte) (vigil.Manifest, error) {
	doc, err := binary.Manifest(module)
	if err != nil {
		return vigil.Manifest{}, err
	}
	return manifestOf(module, doc)
}

func (e *Engine) proven(g *guest) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return g.proven
}

// Close ends the engine: it waits for instances in the making and frees all
// compiled modules.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.refills.Wait()
	var all error
	e.mu.Lock()
	for _, r := range e.runtimes {
		all = errors.Join(all, r.Close(ctx))
	}
	e.mu.Unlock()
	return errors.Join(all, e.cache.Close(ctx))
}
