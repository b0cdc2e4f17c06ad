package wasm

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Attack is an upload that must be refused: a row of the table of attacks, by
// what it tries.
type Attack struct {
	Name, Code, Section string
	Module              []byte
	Limit               bool // the refusal names one
}

// Attacks are the rows that an upload can be refused for before anything is
// compiled. A compile bomb has a test of its own, guests at work have theirs in
// TestEval_StopsAHostileGuestWithItsCode, and what a grant, a pointer to another
// tenant's series or a changed digest may do is tested where that is decided.
func Attacks(t testing.TB) []Attack {
	t.Helper()
	with := func(id byte, body ...[]byte) []byte {
		return assembly{sections: map[byte][]byte{id: cat(body...)}}.bytes(t)
	}
	doing := func(code ...byte) []byte { return bomb(t, append(code, 0x42, 0, 0x0b)) }
	bare := func(id byte, body ...[]byte) []byte { return cat(wasmHeader, asmSection(id, cat(body...))) }
	largest := appendUint(nil, 1<<27-1)
	row := []byte{0x70, 0}
	return []Attack{
		{"A20 a table of 134 million entries in 59 bytes", "module_table_limit", "table", bare(4, []byte{1}, row, largest), true},
		{"A20 twenty tables", "module_table_limit", "table", bare(4, []byte{20}, bytes.Repeat(cat(row, largest), 20)), true},
		{"A20 a table that grows", "module_opcode", "code", doing(0xd0, 0x70, 0x41, 1, 0xfc, 0x0f, 0, 0x1a), false},
		{"A20 a table that is filled", "module_opcode", "code", doing(0x41, 0, 0xd0, 0x70, 0x41, 1, 0xfc, 0x11, 0), false},
		{"A21 a function of 640 KB", "module_body_limit", "code", assembly{more: [][]byte{asmBody(nil, append(bytes.Repeat([]byte{1}, 640_000), 0x0b))}}.bytes(t), true},
		{"A21 a function of 6000 branches", "module_jumps_limit", "code", assembly{more: [][]byte{asmBody(nil, append(bytes.Repeat([]byte{0x02, 0x40, 0x0b}, 6000), 0x0b))}}.bytes(t), true},
		{"A21 fifty functions of 4900 branches", "module_jumps_limit", "code", compileBomb(t, 50), true},
		{"A22 a start function", "module_section", "start", with(8, []byte{0}), false},
		{"A24 65536 pages of memory", "module_memory_limit", "memory", assembly{pages: 65536}.bytes(t), true},
		{"A24 more memory than there is", "module_malformed", "memory", with(5, []byte{1, 0}, appendUint(nil, 65537)), true},
		{"A24 a data segment of four gigabytes", "module_malformed", "data", with(11, []byte{1, 0, 0x41, 0, 0x0b}, huge()), false},
		{"A24 nine megabytes of data", "module_data_limit", "data", with(11, []byte{1, 0, 0x41, 0, 0x0b}, appendUint(nil, 9<<20), make([]byte, 9<<20)), true},
		{"A24 a billion locals in 29 bytes", "module_locals_limit", "code", assembly{more: [][]byte{asmBody(cat([]byte{1}, huge(), []byte{0x7f}), []byte{0x0b})}}.bytes(t), true},
		{"A28 four billion imports in 14 bytes", "module_import_limit", "import", bare(2, huge()), true},
		{"A28 an import of a system call", "module_import", "import", assembly{imports: [][]byte{asmImport("env", "system", 0)}, called: 1}.bytes(t), false},
		{"A28 an import with another signature", "module_import", "import", assembly{imports: [][]byte{asmImport("vigil_v1", "call", 4)}, called: 1}.bytes(t), false},
		{"A28 a memory of somebody else", "module_import", "import", assembly{imports: [][]byte{cat(asmName("env"), asmName("memory"), []byte{2, 0, 1})}}.bytes(t), false},
		{"A28 a memory of 64 bits", "module_feature", "memory", with(5, []byte{1, 4, 1}), false},
		{"A28 a shared memory", "module_feature", "memory", with(5, []byte{1, 3, 1, 1}), false},
		{"A28 two memories", "module_memory_limit", "memory", with(5, []byte{2, 0, 1, 0, 1}), true},
		{"A28 threads", "module_opcode", "code", doing(0xfe, 0x03, 0), false},
		{"A28 vectors", "module_opcode", "code", doing(0xfd, 0x0c), false},
		{"A28 tail calls", "module_opcode", "code", doing(0x12, 0), false},
		{"A28 exceptions", "module_section", "tag", bare(13, []byte{0}), false},
		{"A28 collected objects", "module_opcode", "code", doing(0xfb, 0x00), false},
		{"A29 an archive", "module_malformed", "header", []byte("PK\x03\x04 forty-two"), false},
	}
}

// CompileBomb keeps every limit of the checker and none of the compiler.
func CompileBomb(t testing.TB) []byte {
	t.Helper()
	return compileBomb(t, 39)
}

// Slowdown is what the race detector makes of the compiler.
const Slowdown = slowdown

func TestCheck_RefusesAnAttackAtOnceAndForNothing(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	e := newEngine(t, Options{})
	before := resident(t)
	decided := meanwhile(t, e, func() {
		for _, a := range Attacks(t) {
			t.Run(a.Name, func(t *testing.T) {
				refused(t, e, a)
			})
		}
	})
	if more := resident(t) - before; decided == 0 || more > slowdown*64<<20 {
		t.Errorf("another policy decided %d times; %d MiB more than before", decided, more>>20)
	}
}

func refused(t *testing.T, e *Engine, a Attack) {
	t.Helper()
	var took time.Duration
	for n := range attempts {
		var first, last runtime.MemStats
		runtime.ReadMemStats(&first)
		var err error
		took = elapsed(t, func() { _, err = e.Check(t.Context(), a.Module) })
		runtime.ReadMemStats(&last)
		fields := vigil.AsError(err).Fields
		if vigil.CodeOf(err) != a.Code || vigil.KindOf(err) != vigil.Invalid || fields["section"] != a.Section || fields["offset"] == nil || a.Limit && fields["limit"] == nil {
			t.Fatalf("Check = %v (%s) with %v, want %s in section %s", err, vigil.CodeOf(err), fields, a.Code, a.Section)
		}
		if got := last.TotalAlloc - first.TotalAlloc; n == 0 && got > 1<<20+6*uint64(len(a.Module)) {
			t.Errorf("a module of %d bytes cost %d bytes of memory", len(a.Module), got)
		}
		if took <= slowdown*stopWithin {
			return
		}
	}
	t.Errorf("refused after %s, want %s", took, stopWithin)
}
