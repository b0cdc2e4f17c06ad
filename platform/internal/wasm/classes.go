package wasm

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The classes of memory that a manifest may choose from, in pages: 16, 64 and
// 256 MiB. Each has a runtime of its own, since it is the runtime that knows
// how far a memory may grow; all of them share one cache of machine code.
func classes() []uint32 { return []uint32{256, 1024, 4096} }

// Room is how much memory an instance of a module may have: the smallest class
// that holds what its manifest wants, or the default of one that wants nothing.
func (o Options) Room(m vigil.Manifest) (vigil.Size, error) {
	pages, err := o.filled().room(m)
	return vigil.Size(pages) * wasmPage, err
}

func (o Options) room(m vigil.Manifest) (uint32, error) {
	want, most := m.Limits.Memory, o.MostMemory
	if want == 0 {
		return o.MemoryPages, nil
	}
	if want > most {
		return 0, vigil.Errorf(vigil.Invalid, "module_memory_limit", "manifest wants %s of memory, the limit is %s", want, most).
			With("section", vigil.ManifestSection).With("found", want.String()).With("limit", most.String()).
			Hinted("want less in module.yaml, or raise modules.memory in the collector's configuration")
	}
	for _, pages := range classes() {
		if want <= vigil.Size(pages)*wasmPage {
			return min(pages, uint32(most/wasmPage)), nil
		}
	}
	return uint32(most / wasmPage), nil
}

// fits holds the memory that a module starts with against its class.
func (e *Engine) fits(m vigil.Manifest, start, offset int) (room uint32, err error) {
	if room, err = e.o.room(m); err != nil {
		return 0, err
	}
	if start > int(room) {
		return 0, binary.Refuse("module_memory_limit", "memory", offset, "module starts with %d pages of memory, the limit is %d", start, room).
			With("found", start).With("limit", room)
	}
	return room, nil
}

// runtimeOf returns the runtime of a class, which is made at its first use.
func (e *Engine) runtimeOf(ctx context.Context, pages uint32) (wazero.Runtime, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runtimes[pages]; r != nil {
		return r, nil
	}
	r := wazero.NewRuntimeWithConfig(ctx, limits(wazero.NewRuntimeConfigCompiler(), pages).WithCompilationCache(e.cache))
	if err := offer(ctx, r, e.host); err != nil {
		return nil, errors.Join(fmt.Errorf("make a runtime of %d pages: %w", pages, err), r.Close(ctx))
	}
	e.runtimes[pages] = r
	return r, nil
}
