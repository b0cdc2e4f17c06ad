package binary

import "math/rand/v2"

// generator writes programs that are valid, end, and use every kind of
// instruction that metering touches. Work is bounded by global 0, which each
// loop and each call counts down; calls also hand on a depth.
//
// It leaves out what may differ between two runs of one program: the bits of
// a NaN.
type generator struct {
	*rand.Rand
	program program
	params  int      // of the function being written
	locals  string   // of it, with parameters
	labels  []string // types of the open labels, innermost last
	size    int      // instructions that may still be written, about
}

const valueTypes = "\x7f\x7e\x7d\x7c" // i32 i64 f32 f64

// generate writes the program of a seed. Its function f takes a depth.
func generate(seed uint64) program {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.program = program{pages: 1 + g.IntN(3), data: []byte("0123456789abcdef"), exports: map[string]int{"f": 1}}
	if g.IntN(4) == 0 {
		g.program.pages = 70 // room for more than one piece
	}
	g.program.types = []Signature{{Params: "\x7f", Results: g.values(3)}, {Params: "\x7f\x7f", Results: "\x7f"}, {Params: "\x7f", Results: "\x7e\x7c"}}
	g.program.imports = []Import{{Module: "host", Name: "twice", Type: 1}}
	count := 2 + g.IntN(4)
	for i := range count {
		typ := 0
		if i > 0 {
			typ = g.IntN(len(g.program.types))
		}
		g.program.functions = append(g.program.functions, routine{typ: typ})
		g.program.elements = append(g.program.elements, g.IntN(count+1))
	}
	g.program.table = len(g.program.elements)
	g.program.globals = [][]byte{
		assembler{0x7f, 1}.i32(300).op(opEnd), assembler{0x7e, 1}.i64(g.Int64()).op(opEnd),
		{0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, opEnd},
	}
	for i := range g.program.functions {
		g.function(&g.program.functions[i])
	}
	return g.program
}

func (g *generator) values(most int) string {
	all := []byte{}
	for range g.IntN(most + 1) {
		all = append(all, valueTypes[g.IntN(4)])
	}
	return string(all)
}

func (g *generator) function(f *routine) {
	sig := g.program.types[f.typ]
	f.locals = "\x7f\x7e\x7d\x7c" + g.values(5)
	g.locals, g.params, g.labels, g.size = sig.Params+f.locals, len(sig.Params), []string{sig.Results}, 150
	a := g.statements(nil, 3)
	f.code = g.all(a, sig.Results)
}

// all writes an expression of each type.
func (g *generator) all(a assembler, types string) assembler {
	for i := range len(types) {
		a = g.expression(a, types[i], 3)
	}
	return a
}

func (g *generator) statements(a assembler, depth int) assembler {
	for range 1 + g.IntN(4) {
		a = g.statement(a, depth)
	}
	return a
}

func (g *generator) statement(a assembler, depth int) assembler {
	if g.size -= 5; g.size < 0 {
		depth = 0
	}
	choice := g.IntN(16)
	if depth == 0 {
		choice %= 6
	}
	switch choice {
	case 0, 1:
		l := 1 + g.IntN(len(g.locals)-1) // 0 is the depth
		return g.expression(a, g.locals[l], 3).at(opLocalSet, l)
	case 2:
		return g.expression(g.address(a), 0x7f, 2).op(0x36, 2, byte(g.IntN(64)))
	case 3:
		return g.expression(a, 0x7e, 2).at(opGlobalSet, 1)
	case 4:
		return g.leave(a)
	case 5:
		return g.bulk(a)
	case 6, 7:
		a = g.expression(a, 0x7f, 2).op(opIf, typeNothing)
		a = g.block(a, depth)
		if g.IntN(2) == 0 {
			a = g.block(a.op(opElse), depth)
		}
		return a.op(opEnd)
	case 8:
		return g.block(a.op(opBlock, typeNothing), depth).op(opEnd)
	case 9, 10:
		return g.loop(a, depth)
	case 11:
		return g.call(a)
	case 12:
		return g.table(a, depth)
	case 13, 14:
		return g.ladder(a, depth)
	default:
		// What follows a jump is never run, but must be read right.
		return g.block(a.op(opBlock, typeNothing).op(opBr, 0).op(opI32Add, 0x1a), depth).op(opEnd)
	}
}

func (g *generator) block(a assembler, depth int) assembler {
	g.labels = append(g.labels, "")
	a = g.statements(a, depth-1)
	g.labels = g.labels[:len(g.labels)-1]
	return a
}

// loop goes round while global 0 lasts and an expression says so.
func (g *generator) loop(a assembler, depth int) assembler {
	a = a.op(opLoop, typeNothing)
	g.labels = append(g.labels, "\x00") // no target but for the loop's own end
	a = g.statements(a, depth-1)
	g.labels = g.labels[:len(g.labels)-1]
	return g.again(g.expression(a, 0x7f, 2)).op(opBrIf, 0, opEnd)
}

// again counts global 0 down and puts whether it lasts beside an i32.
func (g *generator) again(a assembler) assembler {
	a = a.at(opGlobalGet, 0).i32(1).op(opI32Sub).at(opGlobalSet, 0)
	return a.at(opGlobalGet, 0).i32(0).op(0x4a, 0x71) // gt_s, and
}

// leave jumps out under a condition, or returns.
func (g *generator) leave(a assembler) assembler {
	target := g.IntN(len(g.labels))
	wants := g.labels[len(g.labels)-1-target]
	if wants == "\x00" {
		return a.op(0x01)
	}
	a = g.expression(a, 0x7f, 2).op(opIf, typeNothing)
	a = g.all(a, wants)
	switch {
	case target == len(g.labels)-1 && g.IntN(2) == 0:
		a = a.op(opReturn)
	case wants == "" && g.IntN(2) == 0:
		a = a.i32(1).at(opBrIf, target+1)
	default:
		a = a.at(opBr, target+1)
	}
	return a.op(opEnd)
}

func (g *generator) table(a assembler, depth int) assembler {
	a = a.op(opBlock, typeNothing, opBlock, typeNothing)
	a = g.expression(a, 0x7f, 2).op(opBrTable, 3, 0, 1, 0, 1, opEnd)
	g.labels = append(g.labels, "")
	a = g.block(a.op(opBlock, typeNothing), depth).op(opEnd)
	g.labels = g.labels[:len(g.labels)-1]
	return a.op(opEnd)
}

// call calls any function, when depth and global 0 last.
func (g *generator) call(a assembler) assembler {
	callee := g.IntN(len(g.program.functions) + 1)
	typ := 1
	if callee > 0 {
		typ = g.program.functions[callee-1].typ
	}
	sig := g.program.types[typ]
	a = g.again(a.get(0).i32(0).op(0x4a)).op(opIf, typeNothing)
	a = a.get(0).i32(1).op(opI32Sub)
	a = g.all(a, sig.Params[1:])
	if g.IntN(3) == 0 {
		a = g.expression(a, 0x7f, 1).i32(int64(g.program.table)).op(0x70).at(opCallIndirect, typ).op(0) // rem_u
	} else {
		a = a.at(opCall, callee)
	}
	for range sig.Results {
		a = a.op(0x1a)
	}
	return a.op(opEnd)
}

func (g *generator) address(a assembler) assembler {
	return g.expression(a, 0x7f, 1).i32(0x7fff).op(0x71)
}

// bulk moves memory, sometimes more than there is.
func (g *generator) bulk(a assembler) assembler {
	length := int64(1 + g.IntN(3000))
	if g.IntN(6) == 0 {
		length = int64(g.IntN(5 << 20))
	}
	switch g.IntN(5) {
	case 0:
		a = g.address(a).i32(int64(g.IntN(100)))
		return g.expression(a, 0x7f, 0).i32(7).op(0x71).op(opMore, moreMemoryInit, 1, 0)
	case 1:
		return a.i32(int64(g.IntN(3))).op(opMemoryGrow, 0).at(opLocalSet, g.params)
	case 2:
		return g.expression(g.address(a), 0x7f, 1).i32(length).op(opMore, moreMemoryFill, 0)
	default:
		return g.address(g.address(a)).i32(length).op(opMore, moreMemoryCopy, 0, 0)
	}
}

func (g *generator) expression(a assembler, t byte, depth int) assembler {
	if g.size--; g.size < 0 {
		depth = 0
	}
	choice := g.IntN(8)
	if depth == 0 {
		choice %= 2
	}
	switch choice {
	case 0:
		return g.constant(a, t)
	case 1:
		return g.local(a, t)
	case 2:
		a = g.expression(a, 0x7f, depth-1).op(opIf, t)
		g.labels = append(g.labels, string(t))
		a = g.expression(a, t, depth-1).op(opElse)
		a = g.expression(a, t, depth-1).op(opEnd)
		g.labels = g.labels[:len(g.labels)-1]
		return a
	case 3:
		a = g.expression(a.op(opBlock, t), t, depth-1)
		return g.expression(a, 0x7f, depth-1).op(opBrIf, 0, opEnd)
	case 4:
		return g.convert(a, t, depth)
	default:
		return g.operate(a, t, depth)
	}
}

func (g *generator) constant(a assembler, t byte) assembler {
	switch t {
	case 0x7f:
		return a.i32(int64(int32(g.Uint32() >> g.IntN(32))))
	case 0x7e:
		return a.i64(int64(g.Uint64() >> g.IntN(64)))
	case 0x7d:
		return a.op(0x43, 0, 0, byte(g.Uint32())&0x7f|0x40, 0x40)
	}
	return a.op(0x44, 0, 0, 0, 0, 0, byte(g.Uint32()), byte(g.Uint32())&0x7f, 0x40)
}

func (g *generator) local(a assembler, t byte) assembler {
	for range 8 {
		if l := g.IntN(len(g.locals)); g.locals[l] == t {
			return a.get(l)
		}
	}
	return g.constant(a, t)
}

// convert makes a t of another type, or of memory.
func (g *generator) convert(a assembler, t byte, depth int) assembler {
	from := valueTypes[g.IntN(4)]
	ops := map[[2]byte][]byte{
		{0x7f, 0x7e}: {0xa7}, {0x7f, 0x7d}: {opMore, 0}, {0x7f, 0x7c}: {opMore, 3},
		{0x7e, 0x7f}: {0xac}, {0x7e, 0x7d}: {opMore, 5}, {0x7e, 0x7c}: {opMore, 6},
		{0x7d, 0x7f}: {0xb2}, {0x7d, 0x7e}: {0xb5}, {0x7d, 0x7c}: {0xb6},
		{0x7c, 0x7f}: {0xb8}, {0x7c, 0x7e}: {0xb9}, {0x7c, 0x7d}: {0xbb},
		{0x7f, 0x7f}: {0xc0}, {0x7e, 0x7e}: {0xc3}, {0x7d, 0x7d}: {0x8e}, {0x7c, 0x7c}: {0x9c},
	}
	switch {
	case t == 0x7f && g.IntN(3) == 0:
		return g.address(a).op(0x28, 2, byte(g.IntN(64)))
	case t == 0x7e && g.IntN(3) == 0:
		return a.at(opGlobalGet, 1)
	case t == 0x7f && g.IntN(5) == 0:
		return a.op(opMemorySize, 0)
	case t == 0x7f && g.IntN(3) == 0:
		return g.local(a, 0x7e).op(opI32Wrap)
	}
	return g.expression(a, from, depth-1).op(ops[[2]byte{t, from}]...)
}

// operate combines two values of a type; division traps when it must.
func (g *generator) operate(a assembler, t byte, depth int) assembler {
	ops := map[byte][]byte{
		0x7f: {0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x48, 0x4d, 0x6d, 0x70, 0x46},
		0x7e: {0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x7f, 0x82},
		0x7d: {0x92, 0x93, 0x94, 0x95, 0x96, 0x97},
		0x7c: {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5},
	}[t]
	a = g.expression(a, t, depth-1)
	a = g.expression(a, t, depth-1)
	switch g.IntN(8) {
	case 0:
		return g.expression(a, 0x7f, depth-1).op(opSelect)
	case 1:
		return g.expression(a, 0x7f, depth-1).op(opSelectTyped, 1, t)
	}
	return a.op(ops[g.IntN(len(ops))])
}

// ladder writes blocks around a br_table in a loop, pieces between their ends,
// and jumps from any piece to any other, most of them as Go's compiler does.
func (g *generator) ladder(a assembler, depth int) assembler {
	rungs, pc := 1+g.IntN(6), g.params // the first local of the function itself is an i32
	a = g.expression(a, 0x7f, 1).at(opLocalSet, pc).op(opLoop, typeNothing)
	for range rungs {
		a = a.op(opBlock, typeNothing)
	}
	a = a.get(pc).at(opBrTable, rungs+2)
	for range rungs + 3 {
		a = appendUint(a, uint64(g.IntN(rungs)))
	}
	outside := len(g.labels)
	g.labels = append(g.labels, "\x00")
	for range rungs {
		g.labels = append(g.labels, "")
	}
	for range rungs {
		a, g.labels = a.op(opEnd), g.labels[:len(g.labels)-1]
		a = g.statements(a, depth-1)
		a = g.jump(a, pc, len(g.labels)-1-outside)
	}
	g.labels = g.labels[:outside]
	return a.op(opEnd)
}

// jump goes to the loop of a ladder, so many labels away, while global 0 lasts.
func (g *generator) jump(a assembler, pc, loop int) assembler {
	a = g.again(g.expression(a, 0x7f, 1))
	switch g.IntN(8) {
	case 0:
		return a.at(opBrIf, loop)
	case 1:
		return g.expression(a.op(opIf, typeNothing), 0x7f, 1).op(opBrTable, 1, byte(loop+1), byte(loop+1), opEnd)
	case 2:
		return g.expression(a.op(opIf, typeNothing), 0x7f, 1).at(opLocalSet, pc).at(opBr, loop+1).op(opEnd)
	case 3:
		return a.op(opIf, typeNothing, opLoop, typeNothing).i32(int64(g.IntN(9))).at(opLocalSet, pc).at(opBr, loop+2).op(opEnd, opEnd)
	case 4:
		return a.op(opIf, typeNothing).i32(-1).at(opLocalSet, pc).at(opBr, loop+1).op(opEnd)
	case 5:
		return a.op(opI32Eqz, opIf, typeNothing, opElse).i32(int64(g.IntN(9))).at(opLocalSet, pc).at(opBr, loop+1).op(opEnd)
	}
	return a.op(opI32Eqz, opI32Eqz, opIf, typeNothing).i32(int64(g.IntN(9))).at(opLocalSet, pc).at(opBr, loop+1).op(opEnd)
}
