package binary

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestInspect_ClosesEveryWayToNameWhatMeteringAdds(t *testing.T) {
	t.Parallel()
	with := func(edit func(*program)) program {
		p := one()
		p.globals, p.table = [][]byte{{typeI32, 1, opI32Const, 0, opEnd}}, 1
		edit(&p)
		return p
	}
	code := func(a assembler) program {
		return with(func(p *program) { p.functions[0].code, p.functions[0].locals = a, "\x7f" })
	}
	for name, c := range map[string]struct {
		p    program
		code string
	}{
		"refill":              {code(assembler{}.i64(1).at(opGlobalSet, 1)), "module_index"},
		"read fuel":           {code(assembler{}.at(opGlobalGet, 1).op(0x1a)), "module_index"},
		"more frames":         {code(assembler{}.i64(1).at(opGlobalSet, 2)), "module_index"},
		"temporary of fuel":   {code(assembler{}.at(opLocalGet, 1).op(0x1a)), "module_index"},
		"set a temporary":     {code(assembler{}.i64(1).at(opLocalTee, 2).op(0x1a)), "module_index"},
		"call the import":     {code(assembler{}.at(opCall, 1)), "module_index"},
		"type of a helper":    {code(assembler{}.i32(0).at(opCallIndirect, 1).op(0)), "module_index"},
		"block of added type": {code(assembler{opBlock, 1, opEnd}), "module_index"},
		"label of the frame":  {code(assembler{opBr, 1}), "module_index"},
		"labels of the frame": {code(assembler{}.i32(0).op(opBrTable, 1, 0, 1)), "module_index"},
		"memory 1":            {code(assembler{opMemorySize, 1, 0x1a}), "module_index"},
		"table 1":             {code(assembler{}.i32(0).op(opCallIndirect, 0, 1)), "module_index"},
		"data segment":        {code(assembler{}.i32(0).i32(0).i32(0).op(opMore, moreMemoryInit, 0, 0)), "module_index"},
		"drop a segment":      {code(assembler{opMore, moreDataDrop, 0}), "module_index"},
		"global of a global":  {with(func(p *program) { p.globals[0] = []byte{typeI64, 0, opGlobalGet, 1, opEnd} }), "module_opcode"},
		"offset of data":      {with(func(p *program) { p.sections = map[byte][]byte{11: {1, 0, opGlobalGet, 1, opEnd, 0}} }), "module_opcode"},
		"offset of elements":  {with(func(p *program) { p.sections = map[byte][]byte{9: {1, 0, opGlobalGet, 1, opEnd, 0}} }), "module_opcode"},
		"element":             {with(func(p *program) { p.elements = []int{1} }), "module_index"},
		"element by name":     {with(func(p *program) { p.sections = map[byte][]byte{9: {1, 5, typeRef, 1, opRefFunc, 1, opEnd}} }), "module_index"},
		"element of a table":  {with(func(p *program) { p.sections = map[byte][]byte{9: {1, 2, 1, opI32Const, 0, opEnd, 0, 0}} }), "module_index"},
		"export a helper":     {with(func(p *program) { p.exports["g"] = 1 }), "module_export"},
		"export the fuel":     {with(func(p *program) { p.sections = map[byte][]byte{7: vec(append(appendName(nil, "g"), 3, 1))} }), "module_export"},
		"the meter's name":    {with(func(p *program) { p.exports[FuelGlobal] = 0 }), "module_export"},
		"the stack's name":    {with(func(p *program) { p.exports[StackGlobal] = 0 }), "module_export"},
		"import the yield":    {with(func(p *program) { p.imports = []Import{{Module: YieldModule, Name: YieldName}} }), "module_import"},
		"function of a type":  {with(func(p *program) { p.functions[0].typ = 1 }), "module_index"},
		"start":               {with(func(p *program) { p.sections = map[byte][]byte{8: {0}} }), "module_section"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Inspect(c.p.bytes())
			e := vigil.AsError(err)
			if err == nil || e.Code != c.code || e.Kind != vigil.Invalid {
				t.Fatalf("Inspect = %v, want code %s", err, c.code)
			}
			if e.Fields["section"] == nil || e.Fields["offset"] == nil {
				t.Errorf("no section or offset in %v", e.Fields)
			}
		})
	}
}

func TestInspect_NamesWhatItFoundAndTheLimit(t *testing.T) {
	t.Parallel()
	module := one(assembler{}.i64(1).at(opGlobalSet, 7)...).bytes()
	_, err := Inspect(module)
	e := vigil.AsError(err)
	at := strings.Index(string(module), "\x42\x01\x24\x07") + 4
	if e.Fields["section"] != "code" || e.Fields["found"] != 7 || e.Fields["limit"] != 0 || e.Fields["offset"] != at || e.Fields["function"] != 0 {
		t.Errorf("Inspect = %v with %v, want section code, found 7, limit 0, offset %d, function 0", err, e.Fields, at)
	}
}

func TestInspect_RefusesEveryInstructionThatIsNotOnTheList(t *testing.T) {
	t.Parallel()
	refused := 0
	f := func(code ...byte) {
		t.Helper()
		_, err := Inspect(one(append(code, make([]byte, 12)...)...).bytes())
		if e := vigil.AsError(err); e.Code != "module_opcode" || e.Fields["found"] == nil {
			t.Errorf("Inspect of instruction %x = %v (%v), want module_opcode", code, err, e.Fields)
		}
		refused++
	}
	for op := range 0x100 {
		if operandOf(byte(op)) == forbidden {
			f(byte(op))
		}
	}
	for sub := moreMemoryFill + 1; sub < 0x100; sub++ {
		f(appendUint([]byte{opMore}, uint64(sub))...)
	}
	if listed := 0x100 - (refused - 0xf4); listed != 179 {
		t.Errorf("%d instructions are on the list", listed)
	}
}

func TestInspect_RefusesCodeThatIsNotNested(t *testing.T) {
	t.Parallel()
	f := func(code ...byte) {
		t.Helper()
		if _, err := Inspect(one(code...).bytes()); vigil.CodeOf(err) != "module_malformed" && vigil.CodeOf(err) != "module_type" {
			t.Errorf("Inspect of %x = %v, want it refused", code, err)
		}
	}
	f(opElse)
	f(opBlock, typeNothing, opElse, opEnd)
	f(opBlock, typeNothing)
	f(opEnd)
	f(opI32Const, 0x80, 0x80, 0x80, 0x80, 0x10, 0x1a)
	f(opI64Const, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x1a)
	f(opBlock, 0x7b, opEnd)
	f(opBlock, 0x80, 0x80, 0x80, 0x80, 0x70, opEnd)
	f(opI32Const, 0, 0x28, 3, 0, 0x1a)
}

// refuel sets the fuel of an instance and returns how to read fuel and stack.
func refuel(t testing.TB, m api.Module, units int64) (fuel, stack func() int64) {
	t.Helper()
	tank, ok := m.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
	if !ok {
		t.Fatal("the fuel global is not there, or not mutable")
	}
	tank.Set(uint64(units))
	room := m.ExportedGlobal(StackGlobal)
	return func() int64 { return int64(tank.Get()) }, func() int64 { return int64(room.Get()) }
}

// runaways are programs that stop by the meter only.
func runaways() map[string]program {
	call := func(f int) assembler { return assembler{}.at(opCall, f) }
	recursive := one(call(0)...)
	mutual := one(call(1)...)
	mutual.functions = append(mutual.functions, routine{code: call(0)})
	indirect := one(assembler{}.i32(0).op(opCallIndirect, 0, 0)...)
	indirect.table, indirect.elements = 1, []int{0}
	fat := one(call(0)...)
	fat.functions[0].locals = strings.Repeat("\x7e", 5_000)
	tree := one(cat(call(0), call(0), call(0))...)
	fill := one(assembler{opLoop, typeNothing}.i32(0).i32(7).i32(60<<20).op(opMore, moreMemoryFill, 0, opBr, 0, opEnd)...)
	fill.pages = 1000
	ladder := func(back ...byte) program {
		p := one(append(assembler{opLoop, typeNothing, opBlock, typeNothing, opBlock, typeNothing}.get(0).op(opBrTable, 1, 0, 1, opEnd, opEnd), append(back, opEnd)...)...)
		p.functions[0].locals = "\x7f"
		return p
	}
	return map[string]program{
		"ladder":                       ladder(assembler{}.i32(1).at(opLocalSet, 0).op(opBr, 0)...),
		"ladder to a number not there": ladder(assembler{}.i32(-1).at(opLocalSet, 0).op(opBr, 0)...),
		"ladder in a loop":             ladder(assembler{opLoop, typeNothing}.i32(1).at(opLocalSet, 0).op(opBr, 1, opEnd)...),
		"ladder by another local":      ladder(assembler{}.i32(1).at(opLocalTee, 0).op(0x1a, opBr, 0)...),
		"ladder under a condition":     ladder(assembler{}.i32(1).op(opBrIf, 0)...),
		"ladder by a table":            ladder(assembler{}.i32(1).op(opBrTable, 1, 0, 0)...),
		"loop":                         {types: []Signature{{}}, functions: []routine{{code: assembler{opLoop, typeNothing, opBr, 0, opEnd}}}, exports: map[string]int{"f": 0}},
		"recursion":                    recursive,
		"mutual recursion":             mutual,
		"indirect recursion":           indirect,
		"recursion of frames":          fat,
		"recursion as a tree":          tree,
		"filling":                      fill,
		"growing":                      one(assembler{opLoop, typeNothing}.i32(1).op(opMemoryGrow, 0, 0x1a, opBr, 0, opEnd)...),
		"loop in a leaf": {
			types:     []Signature{{}},
			functions: []routine{{code: assembler{opLoop, typeNothing, opCall, 1, opBr, 0, opEnd}}, {}},
			exports:   map[string]int{"f": 0},
		},
	}
}

func TestMeter_StopsWhatWouldNotStop(t *testing.T) {
	t.Parallel()
	for name, r := range engines(t) {
		for what, p := range runaways() {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				m := instantiate(t, r, inspected(t, p.bytes()).Code)
				fuel, stack := refuel(t, m, 3_000_000)
				if _, err := m.ExportedFunction("f").Call(t.Context()); err == nil || fuel() >= 0 && stack() >= 0 {
					t.Errorf("f = %v with %d units of fuel and %d of stack left, want one of them out", err, fuel(), stack())
				}
			})
		}
	}
}

func TestMeter_GivesFramesBackHoweverAFunctionIsLeft(t *testing.T) {
	t.Parallel()
	const i32 = "\x7f"
	leaving := map[string]assembler{
		"end":      assembler{}.i32(1),
		"return":   assembler{opBlock, typeNothing, opLoop, typeNothing}.i32(1).op(opReturn, opEnd, opEnd).i32(2),
		"br":       assembler{opBlock, typeNothing}.i32(1).op(opBr, 1, opEnd).i32(2),
		"br_if":    assembler{}.i32(1).i32(1).op(opBrIf, 0),
		"br_table": assembler{opBlock, typeNothing}.i32(1).i32(9).op(opBrTable, 1, 1, 1, opEnd).i32(2),
	}
	for name, r := range engines(t) {
		for how, code := range leaving {
			p := program{
				types:     []Signature{{Results: i32}, {}},
				functions: []routine{{code: append(assembler{}.at(opCall, 1), code...)}, {typ: 1}},
				exports:   map[string]int{"f": 0},
			}
			m := instantiate(t, r, inspected(t, p.bytes()).Code)
			_, stack := refuel(t, m, 1000)
			got, err := m.ExportedFunction("f").Call(t.Context())
			if err != nil || got[0] != 1 || stack() != StackUnits {
				t.Errorf("%s: left by %s, f = %v, %v with %d units of stack left, want 1 and %d", name, how, got, err, stack(), StackUnits)
			}
		}
	}
}

func TestMeter_HoldsTheInterpretersDepthOnBothEngines(t *testing.T) {
	t.Parallel()
	// f(n) calls f(n-1) until n is 0.
	p := program{types: []Signature{{Params: "\x7f"}}, exports: map[string]int{"f": 0}, functions: []routine{{
		code: assembler{}.get(0).op(opIf, typeNothing).get(0).i32(1).op(opI32Sub).at(opCall, 0).op(opEnd),
	}}}
	code := inspected(t, p.bytes()).Code
	for name, r := range engines(t) {
		f := func(depth uint64, fits bool) {
			t.Helper()
			m := instantiate(t, r, code)
			refuel(t, m, 1<<30)
			if _, err := m.ExportedFunction("f").Call(t.Context(), depth); (err == nil) != fits {
				t.Errorf("%s: f(%d) = %v", name, depth, err)
			}
		}
		f(1900, true)
		f(1990, false)
	}
}

func TestMeter_YieldsAtEveryStepOfTheFuel(t *testing.T) {
	t.Parallel()
	for name, r := range engines(t) {
		for what, p := range runaways() {
			m := instantiate(t, r, inspected(t, p.bytes()).Code)
			const units = 40 * YieldEvery
			fuel, _ := refuel(t, m, units)
			yields := 0
			ctx := contextWithYields(t, &yields)
			_, _ = m.ExportedFunction("f").Call(ctx)
			used := min(units-fuel(), units)
			largest := int64(piece >> bytesUnit) // what is paid at once
			if want := used / max(YieldEvery, largest); int64(yields) < want {
				t.Errorf("%s: %s yielded %d times in %d units, want %d", name, what, yields, used, want)
			}
		}
	}
}

func TestMeter_MovesMemoryInPiecesAsInOne(t *testing.T) {
	t.Parallel()
	const pages, length = 80, 3*piece + 12_345
	f := func(what string, code assembler) {
		t.Helper()
		p := program{types: []Signature{{Params: "\x7f\x7f\x7f"}}, functions: []routine{{code: code}}, exports: map[string]int{"f": 0}, pages: pages}
		for name, r := range engines(t) {
			for _, at := range [][2]uint32{{5, 900_001}, {900_001, 5}, {7, 7}, {0, 1 << 20}, {1 << 20, 0}} {
				m := instantiate(t, r, inspected(t, p.bytes()).Code)
				refuel(t, m, ample)
				memory, _ := m.Memory().Read(0, m.Memory().Size())
				for i := range memory {
					memory[i] = byte(i*7 + i>>8)
				}
				expect := bytes.Clone(memory)
				switch what {
				case "copy":
					copy(expect[at[0]:at[0]+length], bytes.Clone(expect[at[1]:at[1]+length]))
				case "fill":
					copy(expect[at[0]:at[0]+length], bytes.Repeat([]byte{byte(at[1])}, length))
				}
				if _, err := m.ExportedFunction("f").Call(t.Context(), uint64(at[0]), uint64(at[1]), length); err != nil {
					t.Errorf("%s: %s: %v", name, what, err)
				}
				if !bytes.Equal(memory, expect) {
					t.Errorf("%s: %s %v moves other bytes than in one piece", name, what, at)
				}
			}
		}
	}
	f("copy", assembler{}.get(0, 1, 2).op(opMore, moreMemoryCopy, 0, 0))
	f("fill", assembler{}.get(0, 1, 2).op(opMore, moreMemoryFill, 0))
}

func TestMeter_LeavesMemoryAloneWhenAPieceWouldReachOutside(t *testing.T) {
	t.Parallel()
	for name, r := range engines(t) {
		for _, code := range []assembler{{opMore, moreMemoryCopy, 0, 0}, {opMore, moreMemoryFill, 0}} {
			p := one(append(assembler{}.i32(100).i32(1).i32(4<<20), code...)...)
			p.pages, p.data = 20, []byte("as it was")
			m := instantiate(t, r, inspected(t, p.bytes()).Code)
			refuel(t, m, ample)
			before, _ := m.Memory().Read(0, m.Memory().Size())
			before = bytes.Clone(before)
			_, err := m.ExportedFunction("f").Call(t.Context())
			after, _ := m.Memory().Read(0, m.Memory().Size())
			if err == nil || !bytes.Equal(before, after) {
				t.Errorf("%s: %x = %v, want a trap and the memory as it was", name, code, err)
			}
		}
	}
}

func TestMeter_TakesAForwardJumpOfALadderOutOfItsLoop(t *testing.T) {
	t.Parallel()
	// f(n) turns n times through a short piece of a long function.
	long := bytes.Repeat([]byte{0x01}, 10_000)
	code := assembler{opLoop, typeNothing, opBlock, typeNothing, opBlock, typeNothing, opBlock, typeNothing}.get(1).op(opBrTable, 2, 0, 1, 2, opEnd)
	code = append(code, long...)
	code = code.i32(1).at(opLocalSet, 1).op(opBr, 2, opEnd) // to the next piece
	code = code.get(0).op(opI32Eqz, opIf, typeNothing).i32(2).at(opLocalSet, 1).op(opBr, 2, opEnd)
	code = code.get(0).i32(1).op(opI32Sub).at(opLocalSet, 0).i32(1).at(opLocalSet, 1).op(opBr, 1, opEnd)
	code = append(append(code, long...), opEnd)
	p := program{types: []Signature{{Params: "\x7f"}}, exports: map[string]int{"f": 0}, functions: []routine{{locals: "\x7f", code: code}}}
	for name, r := range engines(t) {
		m := instantiate(t, r, inspected(t, p.bytes()).Code)
		fuel, _ := refuel(t, m, ample)
		cost := func(turns uint64) int64 {
			before := fuel()
			if _, err := m.ExportedFunction("f").Call(t.Context(), turns); err != nil {
				t.Fatal(err)
			}
			return before - fuel()
		}
		once, often := cost(0), cost(1000)
		if turn := (often - once) / 1000; once < int64(2*len(long)) || turn < 10 || turn > 30 {
			t.Errorf("%s: a call costs %d units and a turn %d, want all instructions of the function and about 17", name, once, turn)
		}
	}
}

func TestMeter_NeverGivesFuelForAFunctionHoweverItsCost(t *testing.T) {
	t.Parallel()
	calls := bytes.Repeat(assembler{}.at(opCall, 0), (maxBody-100)/2)
	p := one(calls...)
	p.imports, p.exports = []Import{{Module: "host", Name: "nothing"}}, map[string]int{"f": 1}
	for name, r := range engines(t) {
		if _, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(func() {}).Export("nothing").Instantiate(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := instantiate(t, r, inspected(t, p.bytes()).Code)
		fuel, _ := refuel(t, m, ample)
		_, err := m.ExportedFunction("f").Call(t.Context())
		if used, want := ample-fuel(), int64(len(calls)/2*hostUnits); err != nil || used < want {
			t.Errorf("%s: %d calls of the host cost %d units, want at least %d; %v", name, len(calls)/2, used, want, err)
		}
	}
}
