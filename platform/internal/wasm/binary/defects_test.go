package binary

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
)

// misled is a function that the compiler of wazero v1.12.0 gets wrong on amd64:
// f(x, y, c) = g(x+y) + select(x+y, x−y, c), where g returns what it is given.
// The sum is wanted in the register in which the difference stands, and the
// select loses the difference when c is 0.
func misled(t byte, chosen ...byte) program {
	plus, minus := byte(0xa0), byte(0xa1)
	if t == typeF32 {
		plus, minus = 0x92, 0x93
	}
	two := string([]byte{t, t})
	return program{
		types: []Signature{{Params: two + "\x7f", Results: two[:1]}, {}, {Params: two[:1], Results: two[:1]}},
		functions: []routine{
			{typ: 0, locals: two + two[:1], code: assembler{}.
				get(0, 1).op(plus).at(opLocalSet, 3).get(0, 1).op(minus).at(opLocalSet, 4).
				at(opCall, 1).get(3, 4, 2).op(chosen...).at(opLocalSet, 5).
				get(3).at(opCall, 2).get(5).op(plus)},
			{typ: 1, code: assembler{}.op(0x01)},
			{typ: 2, code: assembler{}.get(0)},
		},
		exports: map[string]int{"f": 0},
	}
}

// misdivided is a function that the compiler of wazero v1.12.0 gets wrong on
// arm64: f(a, b, c) = a rem b + (a+1) + (a+2) + … with more sums in use than
// there are registers while it divides, and a branch before they are added up.
func misdivided(t, op byte) program {
	const sums = 40
	add, number := byte(opI32Add), assembler.i32
	if t == typeI64 {
		add, number = opI64Add, assembler.i64
	}
	var a assembler
	for i := range sums {
		a = number(a.get(0), int64(i+1)).op(add).at(opLocalSet, 3+i)
	}
	a = a.get(0, 1).op(op).at(opLocalSet, 3+sums)
	a = a.op(opBlock, typeNothing).get(2).op(opBrIf, 0).at(opCall, 1).op(opEnd).get(3 + sums)
	for i := range sums {
		a = a.get(3 + i).op(add)
	}
	three := string([]byte{t, t, typeI32})
	return program{
		types:     []Signature{{Params: three, Results: three[:1]}, {}},
		functions: []routine{{locals: strings.Repeat(three[:1], sums+1), code: a}, {typ: 1}},
		exports:   map[string]int{"f": 0},
	}
}

// rewritten is a module metered for a machine with all defects.
func rewritten(t testing.TB, module []byte) *Shape {
	t.Helper()
	s, err := inspect(module, defects{selects: true, remainders: true})
	if err != nil {
		t.Fatalf("inspect: %v", err)
	}
	return s
}

// answers is what f says to the arguments on one engine, traps in words.
func answers(t *testing.T, r wazero.Runtime, code []byte, results byte, all [][]uint64) []any {
	t.Helper()
	said := make([]any, len(all))
	for i, args := range all {
		m := instantiate(t, r, code)
		if m.ExportedGlobal(FuelGlobal) != nil {
			refuel(t, m, ample)
		}
		got, err := m.ExportedFunction("f").Call(t.Context(), args...)
		if err != nil {
			said[i], _, _ = strings.Cut(err.Error(), "\n")
			continue
		}
		said[i] = readable(results, got[0])
	}
	return said
}

// defective are the functions that are compiled wrong somewhere, and what to
// ask them.
func defective() map[string]struct {
	program
	results byte
	args    [][]uint64
} {
	type defect = struct {
		program
		results byte
		args    [][]uint64
	}
	floats := func(t byte) [][]uint64 {
		three, four := math.Float64bits(3), math.Float64bits(4)
		if t == typeF32 {
			three, four = uint64(math.Float32bits(3)), uint64(math.Float32bits(4))
		}
		return [][]uint64{{three, four, 0}, {three, four, 1}}
	}
	var numbers [][]uint64
	for _, n := range []int64{7, -7, 0, math.MinInt32, math.MinInt64, math.MaxInt64} {
		for _, d := range []int64{3, -3, 1, -1, 0, math.MinInt32, math.MinInt64} {
			numbers = append(numbers, []uint64{uint64(n), uint64(d), 0}, []uint64{uint64(n), uint64(d), 1})
		}
	}
	short := make([][]uint64, len(numbers)) // the same, of 32 bits
	for i, args := range numbers {
		short[i] = []uint64{uint64(uint32(args[0])), uint64(uint32(args[1])), args[2]}
	}
	return map[string]defect{
		"f64.select":       {misled(typeF64, opSelect), typeF64, floats(typeF64)},
		"f64.select typed": {misled(typeF64, opSelectTyped, 1, typeF64), typeF64, floats(typeF64)},
		"f32.select":       {misled(typeF32, opSelect), typeF32, floats(typeF32)},
		"f32.select typed": {misled(typeF32, opSelectTyped, 1, typeF32), typeF32, floats(typeF32)},
		"i32.rem_s":        {misdivided(typeI32, opI32RemS), typeI32, short},
		"i32.rem_u":        {misdivided(typeI32, opI32RemU), typeI32, short},
		"i64.rem_s":        {misdivided(typeI64, opI64RemS), typeI64, numbers},
		"i64.rem_u":        {misdivided(typeI64, opI64RemU), typeI64, numbers},
	}
}

func TestMeter_WritesWhatTheCompilerGetsWrongSoThatItIsRight(t *testing.T) {
	t.Parallel()
	all := engines(t)
	for name, d := range defective() {
		module := d.bytes()
		want := answers(t, all["interpreter"], module, d.results, d.args)
		s := rewritten(t, module)
		for engine, r := range all {
			for what, code := range map[string][]byte{"all defects": s.Code, "those of this machine": inspected(t, module).Code} {
				if diff := cmp.Diff(want, answers(t, r, code, d.results, d.args)); diff != "" {
					t.Errorf("%s, %s on the %s (-interpreted as it is +metered):\n%s", name, what, engine, diff)
				}
			}
		}
	}
}

// TestCompiler_StillHasTheDefects ends when the runtime is one that needs no
// rewriting.
func TestCompiler_StillHasTheDefects(t *testing.T) {
	t.Parallel()
	all := engines(t)
	here := defectsOf(runtime.GOARCH)
	for name, d := range defective() {
		module := d.bytes()
		wrong := !cmp.Equal(answers(t, all["interpreter"], module, d.results, d.args), answers(t, all["compiler"], module, d.results, d.args))
		expected := here.selects && strings.Contains(name, "select") || here.remainders && strings.Contains(name, "rem")
		if wrong != expected {
			t.Errorf("%s is compiled wrong: %v, want %v; the list in defects.go is not that of this runtime", name, wrong, expected)
		}
	}
}

// rewrites counts the selects of floats that became selects of bits.
func rewrites(code []byte) int {
	return bytes.Count(code, []byte{opSelect, opF32ReinterpretI32}) + bytes.Count(code, []byte{opSelect, opF64ReinterpretI64})
}

// choosing is a program whose f chooses between twice what code leaves, and
// returns before what else that left.
func choosing(code assembler) program {
	p := program{
		types: []Signature{
			{Params: "\x7f\x7e\x7d\x7c"},
			{Params: "\x7c\x7f", Results: "\x7f\x7f\x7d\x7d"},
			{Results: "\x7c"},
			{Params: "\x7f", Results: "\x7f"},
			{Params: "\x7c\x7c\x7f", Results: "\x7c"},
		},
		imports:   []Import{{Module: "host", Name: "float", Type: 2}},
		functions: []routine{{locals: "\x7e\x7d"}, {typ: 1, code: assembler{}.get(1, 1).at(opGlobalGet, 0).at(opGlobalGet, 0)}},
		globals:   [][]byte{{typeF32, 1, 0x43, 0, 0, 0, 0, opEnd}, assembler{typeI64, 1}.i64(0).op(opEnd)},
		table:     3, elements: []int{0, 1, 2}, data: []byte("data"), exports: map[string]int{"f": 1},
	}
	p.functions[0].code = slices.Concat(code, code, assembler{}.i32(1).op(opSelect, opReturn))
	return p
}

// takesOf asks the validator what an instruction takes, and what it leaves.
func takesOf(r wazero.Runtime, code ...byte) (takes []int, leaves byte) {
	for _, leaves := range []byte(valueTypes) {
		for first := range 4 {
			for _, takes := range [][]int{{first}, {first, 0}, {first, 1}, {first, 2}, {first, 3}} {
				p := choosing(nil)
				p.functions[0].code = assembler{}.op(opBlock, leaves).get(takes...).op(code...).op(opEnd, opDrop)
				if compiles(r, p.bytes()) == nil {
					return takes, leaves
				}
			}
		}
	}
	return nil, 0
}

func TestMeter_KnowsWhatEachInstructionLeaves(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, wazero.NewRuntimeConfigInterpreter())
	var all [][]byte
	for op := byte(0x28); op <= 0x35; op++ {
		all = append(all, []byte{op, 0, 0})
	}
	for op := byte(0x45); op <= 0xc4; op++ {
		all = append(all, []byte{op})
	}
	for sub := range byte(moreMemoryInit) {
		all = append(all, []byte{opMore, sub})
	}
	floats := 0
	for _, code := range all {
		takes, leaves := takesOf(r, code...)
		if takes == nil {
			t.Fatalf("no operands are found for instruction %#x", code)
		}
		if n, left := effectOf(code[0]); code[0] != opMore && (n != len(takes) || left != leaves) {
			t.Errorf("instruction %#x takes %d values and leaves %#x, want %d and %#x", code, n, left, len(takes), leaves)
		}
		floats += wantRewrites(t, r, fmt.Sprintf("%#x", code), assembler{}.get(takes...).op(code...), leaves, 0)
	}
	if len(all) != 150 || floats != 42 {
		t.Errorf("%d of %d instructions leave floats, want 42 of 150", floats, len(all))
	}
}

// wantRewrites wants a choice between what code leaves to be rewritten if that
// is a float, and the choices in code itself too.
func wantRewrites(t *testing.T, r wazero.Runtime, name string, code assembler, leaves byte, inside int) (floats int) {
	t.Helper()
	if leaves == typeF32 || leaves == typeF64 {
		floats = 1
	}
	module := choosing(code).bytes()
	s := rewritten(t, module)
	if got := rewrites(s.Code); got != 2*inside+floats {
		t.Errorf("%s: %d selects are rewritten, want %d", name, got, 2*inside+floats)
	}
	if before, after := compiles(r, module), compiles(r, s.Code); before != nil || after != nil {
		t.Errorf("%s: compiling the module = %v, its metered code = %v", name, before, after)
	}
	return floats
}

func TestMeter_KnowsTheTypesThatASelectMeets(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, wazero.NewRuntimeConfigInterpreter())
	a := func() assembler { return nil }
	f32, f64 := []byte{0x43, 0, 0, 0, 0}, []byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, c := range []struct {
		name   string
		code   assembler
		leaves byte
		inside int
	}{
		{"parameter i32", a().get(0), typeI32, 0},
		{"parameter f64", a().get(3), typeF64, 0},
		{"local f32", a().get(5), typeF32, 0},
		{"local i64", a().get(3).op(opDrop).get(4), typeI64, 0},
		{"tee", a().get(2).at(opLocalTee, 5), typeF32, 0},
		{"set", a().get(0, 2).at(opLocalSet, 5), typeI32, 0},
		{"global f32", a().at(opGlobalGet, 0), typeF32, 0},
		{"global i64", a().op(f32...).at(opGlobalSet, 0).at(opGlobalGet, 1), typeI64, 0},
		{"constants", a().i32(1).i64(1).op(f64...).op(opDrop, opDrop), typeI32, 0},
		{"constant f32", a().op(f32...), typeF32, 0},
		{"nop", a().op(f64...).op(0x01), typeF64, 0},
		{"call", a().get(3, 0).at(opCall, 2), typeF32, 0},
		{"call without floats left", a().get(3, 0).at(opCall, 2).op(opDrop, opDrop), typeI32, 0},
		{"call of the host", a().at(opCall, 0), typeF64, 0},
		{"indirect call", a().get(3, 0).i32(2).at(opCallIndirect, 1).op(0), typeF32, 0},
		{"memory.size", a().op(f64...).op(opDrop, opMemorySize, 0), typeI32, 0},
		{"memory.grow", a().get(2).op(opDrop).i32(0).op(opMemoryGrow, 0), typeI32, 0},
		{"store", a().get(3).i32(0).op(f64...).op(0x39, 0, 0), typeF64, 0},
		{"bulk", a().get(3).get(0, 0, 0).op(opMore, moreMemoryFill, 0).get(0, 0, 0).op(opMore, moreMemoryCopy, 0, 0), typeF64, 0},
		{"data", a().get(3).get(0, 0, 0).op(opMore, moreMemoryInit, 1, 0, opMore, moreDataDrop, 1), typeF64, 0},
		{"block", a().op(opBlock, typeF32).get(2).op(opEnd), typeF32, 0},
		{"block of nothing", a().get(3).op(opBlock, typeNothing).get(0).op(opDrop, opEnd), typeF64, 0},
		{"block with parameters", a().get(3, 0).op(opBlock, 1, opDrop, opDrop).get(0, 0, 2, 2).op(opEnd), typeF32, 0},
		{"loop with parameters", a().get(3, 0).op(opLoop, 1).at(opCall, 2).op(opEnd), typeF32, 0},
		{"if", a().get(0).op(opIf, typeF64).get(3).op(opElse).get(3).op(opEnd), typeF64, 0},
		{"if with parameters", a().get(3, 0, 0).op(opIf, 1).at(opCall, 2).op(opElse, opDrop, opDrop).get(0, 0, 2, 2).op(opEnd), typeF32, 0},
		{"if without else", a().get(3, 0, 0).op(opIf, 3).op(opEnd).op(opDrop), typeF64, 0},
		{"br_if", a().op(opBlock, typeF64).get(3, 0).op(opBrIf, 0, opEnd), typeF64, 0},
		{"after br", a().op(opBlock, typeF64).get(3).op(opBr, 0, 0xa0, opEnd), typeF64, 0},
		{"after br_table", a().op(opBlock, typeI64).get(1, 0).op(opBrTable, 1, 0, 0, 0x7c, opEnd), typeI64, 0},
		{"after unreachable", a().op(opBlock, typeF64, opUnreachable, opSelect, opDrop).get(3).op(opEnd), typeF64, 0},
		{"after return", a().op(opBlock, typeNothing, opReturn, opSelect, opDrop, opEnd).get(2), typeF32, 0},
		{"blocks never run", a().op(opBlock, typeNothing, opUnreachable, opIf, typeI32).get(0).op(opElse).get(0).op(opEnd, opDrop, opEnd).get(2), typeF32, 0},
		{"else after a jump", a().get(0).op(opIf, typeF64, opUnreachable, opElse).get(3).op(opEnd), typeF64, 0},
		{"under a call", a().get(3, 3, 0).at(opCall, 2).op(opDrop, opDrop, opDrop, opDrop), typeF64, 0},
		{"under an indirect call", a().get(3, 3, 0).i32(2).at(opCallIndirect, 1).op(0).op(opDrop, opDrop, opDrop, opDrop), typeF64, 0},
		{"under br_if", a().get(3, 0).op(opBrIf, 0), typeF64, 0},
		{"under a block", a().get(3, 3, 0).op(opBlock, 1, opDrop, opDrop).get(0, 0, 2, 2).op(opEnd, opDrop, opDrop, opDrop, opDrop), typeF64, 0},
		{"under a select", a().get(3, 1, 1, 0).op(opSelect, opDrop), typeF64, 0},
		{"select of parameters of a block", a().get(3, 3, 0).op(opBlock, 4, opSelect, opEnd), typeF64, 1},
		{"select in an else after a jump", a().get(0).op(opIf, typeF64, opUnreachable, opElse).get(3, 3, 0).op(opSelect, opEnd), typeF64, 1},
		{"select of anything after br", a().op(opBlock, typeF64).get(3, 3, 3).op(opBr, 0, opSelect, 0x45, opDrop).get(3).op(opEnd), typeF64, 0},
		{"select of anything after br_table", a().op(opBlock, typeF64).get(3, 3, 3, 0).op(opBrTable, 0, 0, opSelect, 0x45, opDrop).get(3).op(opEnd), typeF64, 0},
		{"select of anything after return", a().op(opBlock, typeF64).get(3, 3, 3).op(opReturn, opSelect, 0x45, opDrop).get(3).op(opEnd), typeF64, 0},
		{"select of anything after unreachable", a().op(opBlock, typeF64).get(3, 3, 3).op(opUnreachable, opSelect, 0x45, opDrop).get(3).op(opEnd), typeF64, 0},
		{"select", a().get(3, 3, 0).op(opSelect), typeF64, 1},
		{"select of numbers", a().get(2).op(opDrop).get(1, 1, 0).op(opSelect), typeI64, 0},
		{"typed select", a().get(2, 2, 0).op(opSelectTyped, 1, typeF32), typeF32, 1},
		{"typed select of numbers", a().get(2).op(opDrop).get(0, 0, 0).op(opSelectTyped, 1, typeI32), typeI32, 0},
		{"typed select of other numbers", a().get(2).op(opDrop).get(1, 1, 0).op(opSelectTyped, 1, typeF64), typeI64, 0},
		{"typed select of other floats", a().get(3, 3, 0).op(opSelectTyped, 1, typeI32), typeF64, 1},
		{"select on a choice", a().get(3, 3).get(0, 0, 0).op(opSelect, opSelect), typeF64, 1},
	} {
		wantRewrites(t, r, c.name, c.code, c.leaves, c.inside)
	}
}

func TestMeter_MakesNoInvalidSelectValid(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, wazero.NewRuntimeConfigInterpreter())
	for name, code := range map[string]assembler{
		"of two types":          assembler{}.get(1, 3, 0).op(opSelect),
		"of two floats":         assembler{}.get(2, 3, 0).op(opSelect),
		"by a float":            assembler{}.get(3, 3, 3).op(opSelect),
		"of too few":            assembler{}.get(3, 0).op(opSelect),
		"of too few in a block": assembler{}.get(3).op(opBlock, typeF64).get(3, 0).op(opSelect, opEnd),
		"of two named types":    assembler{}.get(3, 3, 0).op(opSelectTyped, 2, typeF64, typeF64),
		"of a type at length":   assembler{}.get(3, 3, 0).op(opSelectTyped, 0x81, 0, typeF64),
	} {
		p := choosing(nil)
		p.functions[0].code = append(code, opDrop)
		module := p.bytes()
		if before, after := compiles(r, module), compiles(r, rewritten(t, module).Code); before == nil || after == nil {
			t.Errorf("select %s: compiling the module = %v, its metered code = %v", name, before, after)
		}
	}
}
