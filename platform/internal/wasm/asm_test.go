package wasm

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// assembly describes a hand-made module: a small valid one of its kind, but
// for the parts that a test replaces.
type assembly struct {
	kind       vigil.ModuleKind
	bodies     map[string][]byte // of exports, instead of the harmless ones
	omit       string            // an export to leave out
	imports    [][]byte          // entries of the import section
	called     uint32            // how many functions are imported
	more       [][]byte          // bodies of further functions () → (), with their locals
	pages      uint64            // of memory; 0 means 1
	sections   map[byte][]byte   // bodies of whole sections, instead of ours
	extra      []byte            // appended as it is
	noManifest bool
}

var (
	wasmHeader = []byte("\x00asm\x01\x00\x00\x00")
	// The types, used by number below.
	asmTypes = [][]byte{
		{0x60, 0, 0},                               // 0: () -> ()
		{0x60, 1, 0x7f, 1, 0x7f},                   // 1: (i32) -> i32
		{0x60, 0, 1, 0x7e},                         // 2: () -> i64
		{0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7e},       // 3: (i32, i32, i32) -> i64
		{0x60, 2, 0x7f, 0x7f, 1, 0x7e},             // 4: (i32, i32) -> i64
		{0x60, 3, 0x7f, 0x7f, 0x7f, 0},             // 5: (i32, i32, i32) -> ()
		{0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7e}, // 6: (i32, i32, i32, i32) -> i64
		{0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f}, // 7: (i32, i32, i32, i32) -> i32
		{0x60, 2, 0x7f, 0x7f, 1, 0x7f},             // 8: (i32, i32) -> i32
		{0x60, 3, 0x7f, 0x7e, 0x7f, 1, 0x7f},       // 9: (i32, i64, i32) -> i32
	}
)

func asmFuncs(kind vigil.ModuleKind) (names []string, types []uint64) {
	names, types = []string{"vigil_abi_v1", "vigil_buffer", "vigil_last_error"}, []uint64{0, 1, 2}
	if kind == vigil.ActionModule {
		return append(names, "vigil_run"), append(types, 4)
	}
	return append(names, "vigil_configure", "vigil_series", "vigil_eval"), append(types, 3, 4, 4)
}

// bytes assembles the module. Its buffer lies at 1024; at 0 there are zeros,
// an empty answer.
func (a assembly) bytes(t testing.TB) []byte {
	t.Helper()
	if a.kind == "" {
		a.kind = vigil.PolicyModule
	}
	names, types := asmFuncs(a.kind)
	var funcs, exports, bodies [][]byte
	exports = append(exports, cat(asmName("memory"), []byte{2, 0}))
	for i, name := range names {
		body := []byte{0x0b}
		switch {
		case a.bodies[name] != nil:
			body = a.bodies[name]
		case types[i] == 1:
			body = cat([]byte{0x41}, sleb(1024), []byte{0x0b})
		case types[i] != 0:
			body = answer(0, 8)
		}
		funcs = append(funcs, appendUint(nil, types[i]))
		bodies = append(bodies, asmBody(nil, body))
		if name != a.omit {
			exports = append(exports, cat(asmName(name), []byte{0}, appendUint(nil, uint64(a.called)+uint64(i))))
		}
	}
	for _, body := range a.more {
		funcs, bodies = append(funcs, []byte{0}), append(bodies, body)
	}
	out := slices.Clone(wasmHeader)
	add := func(id byte, body []byte) {
		if replaced, ok := a.sections[id]; ok {
			body = replaced
		}
		if body != nil {
			out = append(out, asmSection(id, body)...)
		}
	}
	add(1, vec(asmTypes...))
	if a.imports != nil {
		add(2, vec(a.imports...))
	}
	add(3, vec(funcs...))
	add(4, nil)
	add(5, vec(cat([]byte{0}, appendUint(nil, max(a.pages, 1)))))
	add(6, nil)
	add(7, vec(exports...))
	add(8, nil)
	add(9, nil)
	add(10, vec(bodies...))
	add(11, nil)
	out = append(out, a.extra...)
	if !a.noManifest {
		out = append(out, asmCustom(vigil.ManifestSection, `{"schema":1,"abi":1,"kind":"`+string(a.kind)+`","name":"asm","version":"1"}`)...)
	}
	return out
}

// answer is the body of a function that answers a region.
func answer(ptr, size uint64) []byte {
	return cat([]byte{0x42}, sleb(int64(ptr<<32|size)), []byte{0x0b})
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func vec(items ...[]byte) []byte {
	return append(appendUint(nil, uint64(len(items))), slices.Concat(items...)...)
}

func asmName(s string) []byte { return append(appendUint(nil, uint64(len(s))), s...) }

func asmSection(id byte, body []byte) []byte {
	return cat([]byte{id}, appendUint(nil, uint64(len(body))), body)
}

func asmCustom(name, content string) []byte {
	return asmSection(0, cat(asmName(name), []byte(content)))
}

func asmBody(locals, code []byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	return cat(appendUint(nil, uint64(len(locals)+len(code))), locals, code)
}

func asmImport(module, name string, typ byte) []byte {
	return cat(asmName(module), asmName(name), []byte{0, typ})
}

func sleb(v int64) (b []byte) {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// huge is 2³²−1 as LEB128: what a bomb claims to hold.
func huge() []byte { return appendUint(nil, 1<<32-1) }

// appendUint appends v as unsigned LEB128.
func appendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }
