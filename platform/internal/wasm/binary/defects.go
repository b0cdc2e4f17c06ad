package binary

// Two defects of the compiler of wazero v1.12.0 give a guest wrong numbers. Both
// leave out, for the register allocator, that an instruction goes on with what
// stands in its target, which may then be moved away in between: the guest gets
// what some register held. What the compiler gets wrong is written so that it
// gets it right. It costs the fuel of what the guest wrote.
//
// A select on floats, on amd64: no pressure on registers is needed, twelve
// instructions do. The bits are selected instead, as whole numbers. That wants
// the types of the values on the guest's stack; a body of an invalid module
// stays invalid, for rewriting wants of the operands what the select wanted.
//
// A remainder, on arm64: it becomes a − a/b·b. A division that overflows where
// the remainder would be 0 is avoided: dividing by −1 leaves what dividing by 1
// leaves.
type defects struct{ selects, remainders bool }

func defectsOf(arch string) defects {
	return defects{selects: arch == "amd64", remainders: arch == "arm64"}
}

// The instructions that rewriting names.
const (
	opDrop              = 0x1a
	opSelect            = 0x1b
	opSelectTyped       = 0x1c
	opI32Eq             = 0x46
	opI64Eq             = 0x51
	opI32Mul            = 0x6c
	opI32RemS           = 0x6f
	opI32RemU           = 0x70
	opI64Mul            = 0x7e
	opI64RemS           = 0x81
	opI64RemU           = 0x82
	opI32ReinterpretF32 = 0xbc
	opI64ReinterpretF64 = 0xbd
	opF32ReinterpretI32 = 0xbe
	opF64ReinterpretI64 = 0xbf
)

// The locals that rewriting adds behind those of the meter and of narrowing.
const (
	spare32      = temporary + narrows + iota // i32
	otherSpare32                              // i32
	spare64                                   // i64
	otherSpare64                              // i64
)

// added are the locals that metering adds to a body, and their groups.
func (b *body) added() (groups int, code []byte) {
	if !b.values.rewritten {
		return 2, []byte{temporary, typeI64, narrows, typeI32}
	}
	return 3, []byte{temporary, typeI64, narrows + spare64 - spare32, typeI32, otherSpare64 - otherSpare32, typeI64}
}

// look rewrites the instruction at an offset, which was just passed, if it is
// met by a defect, and notes whether it selects or leaves a float.
func (b *body) look(at int) {
	v, op := &b.values, b.c.b[at]
	switch op {
	case opI32RemS, opI32RemU, opI64RemS, opI64RemU:
		if b.defects.remainders {
			b.divide(op, at)
		}
	}
	switch {
	case !b.defects.selects:
	case v.follow:
		b.follow(at)
	case op == opSelect, op == opSelectTyped:
		v.selects = true
	case v.floats, op >= opLocalGet && op <= opLocalTee:
	case op == opCall:
		v.floats = hasFloat(b.Types[b.Functions[b.indexAt(at+1)]].Results)
	case op == opCallIndirect:
		v.floats = hasFloat(b.Types[b.indexAt(at+1)].Results)
	case op == opGlobalGet:
		v.floats = hasFloat(b.globalTypes[b.indexAt(at+1):][:1])
	case op == 0x2a, op == 0x2b, op == 0x43, op == 0x44: // load, const
		v.floats = true
	case op >= 0x8b && op <= 0xa6, op >= 0xb2 && op <= 0xbb, op == opF32ReinterpretI32, op == opF64ReinterpretI64:
		v.floats = true
	}
}

// choose takes a select off the stack, and rewrites one of floats. What type it
// names the runtime does not look at; the operands say.
func (b *body) choose(at int) {
	v := &b.values
	typ := v.top(1)
	if b.c.b[at] == opSelectTyped && b.c.b[at+1] != 1 {
		typ = 0 // one type is written in one byte, or the runtime refuses it
	}
	v.pop(3)
	v.types = append(v.types, typ)
	bits, asBits, asFloat := 0, byte(0), byte(0)
	switch typ {
	case typeF32:
		bits, asBits, asFloat = b.locals+otherSpare32, opI32ReinterpretF32, opF32ReinterpretI32
	case typeF64:
		bits, asBits, asFloat = b.locals+spare64, opI64ReinterpretF64, opF64ReinterpretI64
	default:
		return
	}
	v.rewritten = true
	b.instead(at)
	b.code = assembler(b.code).at(opLocalSet, b.locals+spare32).
		op(asBits).at(opLocalSet, bits).op(asBits).
		get(bits, b.locals+spare32).op(opSelect, asFloat)
}

// divide takes a remainder for a division.
func (b *body) divide(op byte, at int) {
	n, d, divide, equal, multiply, subtract := b.locals+spare32, b.locals+otherSpare32, op-2, byte(opI32Eq), byte(opI32Mul), byte(opI32Sub)
	number := assembler.i32
	if op == opI64RemS || op == opI64RemU {
		n, d, equal, multiply, subtract = b.locals+spare64, b.locals+otherSpare64, opI64Eq, opI64Mul, opI64Sub
		number = assembler.i64
	}
	b.values.rewritten = true
	b.instead(at)
	a := assembler(b.code).at(opLocalSet, d).at(opLocalSet, n)
	if op == opI32RemS || op == opI64RemS {
		a = number(number(a, 1).get(d, d), -1).op(equal, opSelect).at(opLocalSet, d)
	}
	b.code = a.get(n, n, d).op(divide).get(d).op(multiply, subtract)
}
