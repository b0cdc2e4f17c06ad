package binary

import leb128 "encoding/binary"

// values are the types of what stands on the stack of a body that is read. They
// are followed in a second reading, of those bodies only that have floats and a
// select: Go's compiler makes thousands that have not.
type values struct {
	selects, floats bool   // the first reading found
	follow          bool   // this is the second reading
	rewritten       bool   // a select was
	locals          []byte // types, with parameters
	types           []byte // innermost last
	scopes          []scope
}

// scope is a block, or the function itself, and what is on the stack in it.
type scope struct {
	base int // values below it
	typ  Signature
	lost bool // it began in code that is never run
	dead bool // what is read now is never run
}

// begin starts reading a body with the locals that it declares.
func (v *values) begin(sig Signature, declared []byte) {
	*v = values{
		follow: v.selects && v.floats && !v.follow,
		locals: append(v.locals[:0], sig.Params...), types: v.types[:0],
		scopes: append(v.scopes[:0], scope{typ: Signature{Results: sig.Results}}),
	}
	for len(declared) > 0 {
		n, size := leb128.Uvarint(declared)
		for ; n > 0; n-- {
			v.locals = append(v.locals, declared[size])
		}
		declared = declared[size+1:]
	}
	v.floats = hasFloat(v.locals)
}

// again reports whether the body wants a second reading.
func (v *values) again() bool { return v.selects && v.floats && !v.follow }

func hasFloat[T string | []byte](types T) bool {
	for i := range len(types) {
		if types[i] == typeF32 || types[i] == typeF64 {
			return true
		}
	}
	return false
}

func (v *values) scope() *scope { return &v.scopes[len(v.scopes)-1] }

func (v *values) push(types string) { v.types = append(v.types, types...) }

// pop takes n values away; those that an invalid body lacks are nobody's.
func (v *values) pop(n int) { v.types = v.types[:max(v.scope().base, len(v.types)-n)] }

// top is the type of the value under n others, 0 if the body has none there.
func (v *values) top(n int) byte {
	if i := len(v.types) - 1 - n; i >= v.scope().base {
		return v.types[i]
	}
	return 0
}

// enter opens a block, or the else of an if.
func (v *values) enter(typ Signature, dead bool) {
	v.pop(len(typ.Params))
	v.scopes = append(v.scopes, scope{base: len(v.types), typ: typ, lost: dead, dead: dead})
	v.push(typ.Params)
}

// leave closes the innermost block and returns what it was.
func (v *values) leave() scope {
	last := *v.scope()
	v.types = v.types[:last.base]
	v.scopes = v.scopes[:len(v.scopes)-1]
	return last
}

// follow notes what the instruction at an offset, which was just passed, does
// to the types on the stack, and rewrites it if it selects floats.
func (b *body) follow(at int) {
	v, op := &b.values, b.c.b[at]
	dead := v.scope().dead
	switch {
	case operandOf(op) == blockType:
		if op == opIf && !dead {
			v.pop(1)
		}
		v.enter(b.blockOf(at+1), dead)
	case op == opElse:
		last := v.leave()
		v.enter(last.typ, last.lost)
	case op == opEnd:
		if last := v.leave(); len(v.scopes) > 0 {
			v.push(last.typ.Results)
		}
	case dead:
	case op == opUnreachable, op == opBr, op == opBrTable, op == opReturn:
		v.scope().dead = true
	case op == opSelect, op == opSelectTyped:
		b.choose(at)
	default:
		b.effect(op, at)
	}
}

// blockOf is the type of the block whose type stands at an offset.
func (b *body) blockOf(at int) Signature {
	switch t := b.c.b[at]; {
	case t == typeNothing:
		return Signature{}
	case valueType(t):
		return Signature{Results: string(b.c.b[at : at+1])}
	}
	return b.Types[b.indexAt(at)]
}

// indexAt reads the index at an offset, which was checked when it was passed.
func (b *body) indexAt(at int) int {
	i, _ := leb128.Uvarint(b.c.b[at:])
	return int(i)
}

// effect takes what an instruction needs off the stack and puts on it what the
// instruction leaves.
func (b *body) effect(op byte, at int) {
	v := &b.values
	switch operandOf(op) {
	case function:
		b.called(b.Types[b.Functions[b.indexAt(at+1)]])
	case indirect:
		v.pop(1)
		b.called(b.Types[b.indexAt(at+1)])
	case local:
		switch op {
		case opLocalGet:
			v.types = append(v.types, v.locals[b.indexAt(at+1)])
		case opLocalSet:
			v.pop(1)
		}
	case global:
		if op == opGlobalGet {
			v.types = append(v.types, b.globalTypes[b.indexAt(at+1)])
		} else {
			v.pop(1)
		}
	case more:
		switch sub := b.indexAt(at + 1); {
		case sub < moreMemoryInit:
			v.pop(1)
			v.types = append(v.types, "\x7f\x7e"[sub/4])
		case sub != moreDataDrop:
			v.pop(3)
		}
	default:
		takes, leaves := effectOf(op)
		v.pop(takes)
		if leaves != 0 {
			v.types = append(v.types, leaves)
		}
	}
}

func (b *body) called(sig Signature) {
	b.values.pop(len(sig.Params))
	b.values.push(sig.Results)
}

// effectOf is how many values an instruction takes that says all by its
// opcode, and the type of the one it leaves, 0 if it leaves none.
func effectOf(op byte) (takes int, leaves byte) {
	switch operandOf(op) {
	case access:
		return accessEffect(op)
	case int32Value:
		return 0, typeI32
	case int64Value:
		return 0, typeI64
	case float32Value:
		return 0, typeF32
	case float64Value:
		return 0, typeF64
	case memory:
		return int(op - opMemorySize), typeI32
	case label: // br_if
		return 1, 0
	default:
		return operation(op)
	}
}

func operation(op byte) (takes int, leaves byte) {
	switch {
	case op < opDrop: // nop
		return 0, 0
	case op == opDrop:
		return 1, 0
	case op == 0x45, op == 0x50: // eqz
		return 1, typeI32
	case op <= 0x66: // comparison
		return 2, typeI32
	case op >= 0xa7:
		return 1, conversion(op)
	}
	return arithmetic(op)
}

func accessEffect(op byte) (takes int, leaves byte) {
	switch {
	case op >= 0x36:
		return 2, 0
	case op == 0x28, op >= 0x2c && op <= 0x2f:
		return 1, typeI32
	case op == 0x2a:
		return 1, typeF32
	case op == 0x2b:
		return 1, typeF64
	}
	return 1, typeI64
}

// arithmetic begins, for each type, with what takes one operand.
func arithmetic(op byte) (takes int, leaves byte) {
	takes = 2
	switch {
	case op <= 0x69, op >= 0x79 && op <= 0x7b, op >= 0x8b && op <= 0x91, op >= 0x99 && op <= 0x9f:
		takes = 1
	}
	switch {
	case op <= 0x78:
		return takes, typeI32
	case op <= 0x8a:
		return takes, typeI64
	case op <= 0x98:
		return takes, typeF32
	}
	return takes, typeF64
}

func conversion(op byte) (leaves byte) {
	switch {
	case op <= 0xab, op == 0xbc, op == 0xc0, op == 0xc1:
		return typeI32
	case op <= 0xb1, op == 0xbd, op >= 0xc2:
		return typeI64
	case op <= 0xb6, op == 0xbe:
		return typeF32
	}
	return typeF64
}
