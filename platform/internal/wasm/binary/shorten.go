package binary

// Two habits of Go's compiler are put straight on the way, because the runtime
// that compiles metered code does not: addresses are kept in locals of 64 bits
// and narrowed at every access, so that no two accesses are seen to have one
// address, whose bounds were checked before; and each condition of a jump is
// turned around. Neither changes what is paid.

const (
	opI32Eqz  = 0x45
	opI32Wrap = 0xa7

	narrows = 4 // locals that metering adds to a function for narrowed ones
)

// last is the instruction before the one that is read.
type last struct {
	op    byte
	at    int
	local int
}

// narrow says that the low half of a local stands in one of metering's own.
type narrow struct {
	known bool
	local int
	depth int // how many blocks were open
}

// local passes an access to a local.
func (b *body) local(op byte, said saying) {
	i := b.c.index("local", b.locals)
	b.last.local = i
	if op == opLocalSet {
		b.said = said.into(i)
	}
	for n := range b.narrowed {
		if op != opLocalGet && b.narrowed[n].local == i {
			b.narrowed[n].known = false
		}
	}
}

// forget drops what was narrowed within so many blocks: other ways lead to here
// that did not pass there. At the end of an if without else that is all inside
// it, at the end of another block, at a loop's head and at an else all there is.
func (b *body) forget(depth int) {
	for n := range b.narrowed {
		if b.narrowed[n].depth >= depth {
			b.narrowed[n].known = false
		}
	}
}

// wrap passes a narrowing: of a local that was narrowed before, its result is
// read instead.
func (b *body) wrap(before last) {
	if before.op != opLocalGet && before.op != opLocalTee {
		return
	}
	for n, known := range b.narrowed {
		if known.known && known.local == before.local && before.op == opLocalGet {
			b.instead(before.at, assembler(nil).get(b.locals+temporary+n)...)
			return
		}
	}
	b.flush(b.c.i)
	b.code = assembler(b.code).at(opLocalTee, b.locals+temporary+b.oldest)
	b.narrowed[b.oldest] = narrow{known: true, local: before.local, depth: len(b.open)}
	b.oldest = (b.oldest + 1) % narrows
}

// condition passes the condition of an if. One that is turned around, of an if
// with a jump as Go writes it and no else, is written straight, with the jump
// behind an else.
func (b *body) condition(before last) {
	if before.op != opI32Eqz || b.c.b[b.c.i-1] != typeNothing {
		return
	}
	p := cursor{b: b.c.b, i: b.c.i}
	if p.byte() != opI32Const {
		return
	}
	p.signed(32)
	if p.byte() != opLocalSet {
		return
	}
	p.uint()
	if p.byte() != opBr {
		return
	}
	p.uint()
	if p.byte() == opEnd && p.err == nil {
		b.instead(before.at, opIf, typeNothing, opElse)
	}
}
