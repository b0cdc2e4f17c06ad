package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// guest is one compiled module, shared by all its instances.
type guest struct {
	digest   string
	turn     chan struct{} // holds one token: whoever has it compiles; the fields below are written under it
	compiled wazero.CompiledModule
	runtime  wazero.Runtime
	room     uint32 // pages of memory that an instance may have
	manifest vigil.Manifest
	pages    int // of memory at the start
	tally    *tally

	// The following are guarded by Engine.mu.
	users  int
	used   uint64    // when last acquired, by Engine.clock
	spare  *instance // pristine, ready for the next one who asks
	proven bool      // its vectors were played
	wanted bool      // an action that is run: it shall have a spare
	making bool      // a goroutine makes a spare
}

func digestOf(module []byte) string {
	sum := sha256.Sum256(module)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// source is where a module comes from when it is not compiled yet.
type source struct {
	bytes     func() ([]byte, error)
	untrusted bool // it was never compiled here: it may be a bomb
}

// acquire returns the compiled module of a digest, compiling it if it is not
// yet. Of many who ask at once one compiles and makes the first instance, and
// the others wait: two first instances at once would race for the cache file.
// The caller releases what it got.
func (e *Engine) acquire(ctx context.Context, digest string, from source) (*guest, error) {
	if err := e.admit(digest); err != nil {
		return nil, err
	}
	g, err := e.entry(digest)
	if err != nil {
		return nil, err
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		e.release(ctx, g)
		return nil, fmt.Errorf("wait for module %.19s: %w", digest, ctx.Err())
	}
	if g.compiled == nil {
		if err := e.compile(ctx, g, from); err != nil {
			e.release(ctx, g)
			return nil, err
		}
	}
	return g, nil
}

// entry finds or makes the record of a digest and counts its user.
func (e *Engine) entry(digest string) (*guest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, vigil.Errorf(vigil.Conflict, "engine_closed", "the engine is closed")
	}
	g := e.guests[digest]
	if g == nil {
		if len(e.guests) >= maxDigests+maxIdle {
			return nil, vigil.Errorf(vigil.Busy, "module_too_many", "%d modules are in use, the limit is %d", len(e.guests)-maxIdle, maxDigests)
		}
		g = &guest{digest: digest, turn: make(chan struct{}, 1)}
		e.guests[digest] = g
	}
	e.clock++
	g.users, g.used = g.users+1, e.clock
	return g, nil
}

// forget drops the least recently used of the modules that nobody uses, when
// there are more than are worth their memory. The caller holds mu.
func (e *Engine) forget(ctx context.Context) {
	idle := 0
	var oldest *guest
	for _, g := range e.guests {
		if g.users > 0 || g.making {
			continue
		}
		idle++
		if oldest == nil || g.used < oldest.used {
			oldest = g
		}
	}
	if idle > maxIdle {
		delete(e.guests, oldest.digest)
		oldest.discard(ctx)
	}
}

func (g *guest) discard(ctx context.Context) {
	if g.spare != nil {
		g.spare.close(ctx)
	}
	if g.compiled != nil {
		_ = g.compiled.Close(ctx) // documented never to fail
	}
}

// release ends a use. A record that never compiled is forgotten.
func (e *Engine) release(ctx context.Context, g *guest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g.users--; g.users == 0 && g.compiled == nil {
		delete(e.guests, g.digest)
	}
	e.forget(context.WithoutCancel(ctx))
}

// compile checks and compiles a module and makes its first instance, which
// becomes the spare. The caller has the guest's turn.
func (e *Engine) compile(ctx context.Context, g *guest, from source) error {
	start := time.Now()
	c, err := e.checked(g.digest, from)
	if err != nil {
		return err
	}
	if from.untrusted && !c.known && e.o.Compiler.Command != nil {
		if err := e.compileApart(ctx, c.code); err != nil {
			return err
		}
	}
	workers := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if g.runtime, err = e.runtimeOf(ctx, c.room); err != nil {
		return err
	}
	if !c.known { // also a module that is refused below leaves its code in the cache
		defer trim(e.o.CacheDir, e.o.CacheBytes, e.log)
	}
	compiled, err := g.runtime.CompileModule(workers, c.code)
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "module_invalid", "module does not compile: %s", firstLine(err)).With("section", "code")
	}
	g.manifest, g.pages, g.room, g.tally = c.manifest, c.pages, c.room, e.tallyOf(g.digest, c.manifest)
	first, err := e.instantiate(ctx, g, g.runtime, compiled)
	if err != nil {
		_ = compiled.Close(ctx) // documented never to fail
		return err
	}
	if !c.known {
		e.shelf.put(g.digest, c)
	}
	e.mu.Lock()
	g.compiled, g.spare = compiled, first
	e.mu.Unlock()
	e.log.DebugContext(ctx, "module compiled", "module", c.manifest.Name, "rev", g.digest, "dur", time.Since(start))
	return nil
}

// checked returns a module after its check, from the shelf if it lies there.
func (e *Engine) checked(digest string, from source) (checked, error) {
	if c, ok := e.shelf.take(digest); ok {
		var err error
		c.room, err = e.fits(c.manifest, c.pages, len(c.code))
		return c, err
	}
	module, err := from.bytes()
	if err != nil {
		return checked{}, fmt.Errorf("read module %.19s: %w", digest, err)
	}
	if have := digestOf(module); have != digest {
		return checked{}, vigil.Errorf(vigil.Conflict, "module_digest_mismatch", "bytes of module %.19s have digest %.19s", digest, have)
	}
	s, manifest, err := e.examine(module)
	if err != nil {
		return checked{}, err
	}
	room, err := e.fits(manifest, s.Pages, len(module))
	return checked{manifest: manifest, pages: s.Pages, room: room, code: s.Code}, err
}

// examine does all of a check that needs no runtime.
func (e *Engine) examine(module []byte) (*binary.Shape, vigil.Manifest, error) {
	s, err := binary.Inspect(module)
	if err != nil {
		return nil, vigil.Manifest{}, err
	}
	manifest, err := manifestOf(module, s.Manifest)
	if err != nil {
		return nil, vigil.Manifest{}, err
	}
	if err := checkImports(s, e.host); err != nil {
		return nil, vigil.Manifest{}, err
	}
	return s, manifest, checkExports(s, manifest.Kind, len(module))
}

// manifestOf reads the manifest that was found in a module.
func manifestOf(module, doc []byte) (vigil.Manifest, error) {
	if doc == nil {
		return vigil.Manifest{}, binary.Refuse("module_manifest", "custom", len(module), "section %s is missing", vigil.ManifestSection).
			Hinted("vigil module build embeds module.yaml as the manifest")
	}
	manifest, err := vigil.ParseManifest(doc)
	if err != nil {
		return vigil.Manifest{}, vigil.AsError(err).With("section", vigil.ManifestSection)
	}
	return manifest, nil
}

// drop closes the first instance of a module that was only checked.
func (e *Engine) drop(ctx context.Context, g *guest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if g.spare != nil && !g.wanted {
		g.spare.close(ctx)
		g.spare = nil
	}
}

// fresh returns an instance that has never been called, the spare if there is
// one.
func (e *Engine) fresh(ctx context.Context, g *guest) (*instance, error) {
	e.mu.Lock()
	i := g.spare
	g.spare = nil
	e.mu.Unlock()
	if i != nil {
		return i, nil
	}
	return e.instantiate(ctx, g, g.runtime, g.compiled)
}

// refill makes a new spare in the background. The goroutine counts as a user
// of the guest and ends by itself within the deadline of an instantiation.
func (e *Engine) refill(ctx context.Context, g *guest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g.wanted = true
	if e.closed || g.making || g.spare != nil {
		return
	}
	g.making = true
	ctx = context.WithoutCancel(ctx)
	e.refills.Go(func() {
		i, err := e.instantiate(ctx, g, g.runtime, g.compiled)
		if err != nil {
			e.log.WarnContext(ctx, "no spare instance", "module", g.manifest.Name, "rev", g.digest, "err", err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		g.spare, g.making = i, false
	})
}
