package binary

// body is a function on its way through the checker and the meter. The
// instructions are read once; what need not change is copied in runs.
type body struct {
	*walk
	c    *cursor
	code []byte // metered instructions
	from int    // c.b before it is in code
	open []block

	locals       int // with parameters
	instructions int
	jumps        int // blocks and branches: what compiling takes its time for
	loops        int
	cost         int // of the region that is being read
	region       int // where in open the loop of that region stands, -1 for the function itself
	rungs        int // how many of the next blocks are rungs of the ladder just opened
	said         saying
	last         last
	narrowed     [narrows]narrow
	oldest       int // of narrowed
	calls        bool
}

// block is an open block, loop or if.
type block struct {
	op     byte
	patch  int     // loop: where in code its cost stands
	outer  int     // loop: cost of the region around it, so far
	around int     // loop: the region around it
	ladder *ladder // of a loop that is one, and of its rungs
}

// codeSection reads each body and writes its metered form.
func (w *walk) codeSection(c *cursor, out *written) {
	out.count = c.count("bodies", maxFunctions)
	if own := len(w.Functions) - len(w.Imports); c.err == nil && out.count != own {
		c.fail("module_malformed", "%d functions are declared and %d have a body", own, out.count)
	}
	scratch := body{walk: w}
	for ; w.bodies < out.count && c.err == nil; w.bodies++ {
		size := c.uint()
		if size > maxBody {
			c.over("module_body_limit", "bytes in a function", size, maxBody)
		}
		b := cursor{base: c.base + c.i, section: c.section}
		b.b = c.take(size)
		if c.err != nil {
			return
		}
		sig := w.Types[w.Functions[len(w.Imports)+w.bodies]]
		if scratch.read(&b, sig, out); b.err != nil {
			c.err = b.err.With("function", len(w.Imports)+w.bodies)
		}
		w.Facts.LargestBody = max(w.Facts.LargestBody, size)
	}
	w.Facts.Functions = w.bodies
}

// read checks one body and appends its metered form to out.
func (b *body) read(c *cursor, sig Signature, out *written) {
	*b = body{walk: b.walk, c: c, code: b.code[:0], open: b.open[:0], locals: len(sig.Params), region: -1}
	groups := c.count("groups of locals", maxLocals)
	declared := c.i
	b.declare(groups)
	b.from = c.i
	end := c.i
	if c.err != nil {
		return
	}
	b.values.begin(sig, c.b[declared:end])
	b.cost = 1 + b.locals/8
	for done := false; !done && c.err == nil; {
		at := c.i
		if done = b.instruction(); c.err == nil {
			b.look(at)
		}
	}
	if c.err == nil && b.values.again() {
		c.i = 0
		b.read(c, sig, out)
		return
	}
	if c.err == nil && c.left() > 0 {
		c.fail("module_malformed", "a function goes on after its end")
	}
	if c.err != nil {
		return
	}
	b.flush(c.i)
	b.Facts.Instructions += b.instructions
	b.Facts.Loops += b.loops
	if b.work += b.jumps * b.jumps; b.work > maxWork {
		c.over("module_jumps_limit", "squared blocks and branches in all functions", b.work, maxWork)
		return
	}
	b.Facts.MostLoops = max(b.Facts.MostLoops, b.loops)
	b.Facts.MostJumps = max(b.Facts.MostJumps, b.jumps)
	b.Facts.MostLocals = max(b.Facts.MostLocals, b.locals)
	b.write(out, groups, c.b[declared:end], sig)
}

// declare reads groups of locals.
func (b *body) declare(groups int) {
	for ; groups > 0 && b.c.err == nil; groups-- {
		if b.locals += b.c.uint(); b.locals > maxLocals {
			b.c.over("module_locals_limit", "locals in a function", b.locals, maxLocals)
		}
		if t := b.c.byte(); b.c.err == nil && !valueType(t) {
			b.c.fail("module_type", "local of type %#x is not allowed", t)
		}
	}
}

// flush copies to code what was read before to and is not there yet.
func (b *body) flush(to int) {
	b.code = append(b.code, b.c.b[b.from:to]...)
	b.from = to
}

// instead drops what was read since at and writes code in its place.
func (b *body) instead(at int, code ...byte) {
	b.flush(at)
	b.code = append(b.code, code...)
	b.from = b.c.i
}

// instruction reads one instruction and reports whether it ended the function.
func (b *body) instruction() (done bool) {
	at := b.c.i
	op := b.c.byte()
	if b.c.err != nil {
		return true
	}
	b.instructions++
	b.cost += weightOf(op)
	said, before := b.said, b.last
	b.said, b.last = saying{}, last{op: op, at: at}
	switch operandOf(op) {
	case nothing:
		return b.plain(op, at, before)
	case blockType:
		b.enter(op, before)
	case label:
		b.jump()
		b.branch(op, at, said)
	case labels:
		b.jump()
		b.branches(at)
	case function:
		b.calls = true
		b.call(at)
	case indirect:
		b.calls = true
		b.typeIndex(b.c)
		b.c.index("table", b.tables)
	case types:
		b.c.valueTypes("types of a select")
	case local:
		b.local(op, said)
	case global:
		b.c.index("global", b.globals)
	case access:
		b.access(op)
	case memory:
		b.memory(op, at)
	case more:
		b.more(at)
	default:
		b.constant(op, at)
	}
	return false
}

// call moves a call. One of a host function pays for the way there and back.
func (b *body) call(at int) {
	callee := b.functionIndex(b.c)
	if callee < len(b.Imports) {
		b.cost += hostUnits
	}
	b.instead(at, appendUint([]byte{opCall}, uint64(callee))...)
}

// constant passes the operand of a constant, and refuses what is on no list.
func (b *body) constant(op byte, at int) {
	switch operandOf(op) {
	case int32Value:
		b.said = saying{known: true, value: uint32(b.c.signed(32))}
	case int64Value:
		b.c.signed(64)
	case float32Value:
		b.c.take(4)
	case float64Value:
		b.c.take(8)
	default:
		b.c.i = at
		b.c.fail("module_opcode", "opcode %#x is not allowed", op)
		b.c.err.With("found", int(op))
	}
}

// plain treats the instructions without an operand.
func (b *body) plain(op byte, at int, before last) (done bool) {
	switch op {
	case opI32Wrap:
		b.wrap(before)
	case opElse:
		if n := len(b.open); n == 0 || b.open[n-1].op != opIf {
			b.c.fail("module_malformed", "else without if")
			return false
		}
		b.open[len(b.open)-1].op = opElse
		b.forget(0)
	case opReturn:
		// A branch to the outermost label passes the code that gives back the frame.
		b.instead(at, appendUint([]byte{opBr}, uint64(len(b.open)))...)
	case opEnd:
		return b.leave()
	}
	return false
}

// enter opens a block. A loop pays for its own instructions at each turn,
// except a ladder, whose jumps pay.
func (b *body) enter(op byte, before last) {
	b.blockType()
	b.jump()
	at := block{op: op}
	switch {
	case op == opIf:
		b.condition(before)
	case op == opLoop:
		b.forget(0)
		if b.loops++; b.loops > maxLoops {
			b.c.over("module_loops_limit", "loops in a function", b.loops, maxLoops)
		}
		if at.ladder = b.peekLadder(); at.ladder != nil {
			break
		}
		b.flush(b.c.i)
		at.outer, at.around = b.cost, b.region
		at.patch = b.charge()
		b.test()
		b.cost, b.region = turnUnits, len(b.open)
	case b.rungs > 0:
		b.rungs--
		at.ladder = b.open[len(b.open)-1].ladder
	}
	b.open = append(b.open, at)
}

// leave closes the innermost block and reports whether it was the function.
func (b *body) leave() bool {
	n := len(b.open)
	if n == 0 {
		return true
	}
	last := b.open[n-1]
	b.open = b.open[:n-1]
	switch last.op {
	case opIf:
		b.forget(n)
	case opBlock, opElse:
		b.forget(0)
	}
	switch {
	case last.ladder != nil:
		b.closeRung(last.op, n-1, last.ladder)
	case last.op == opLoop:
		putCost(b.code[last.patch:], b.cost)
		b.cost, b.region = last.outer, last.around
	}
	return false
}

// blockType passes the type of a block: none, one value, or a function type.
func (b *body) blockType() {
	first := b.c.byte()
	if b.c.err != nil || first == typeNothing || valueType(first) {
		return
	}
	if first&0xc0 == 0x40 {
		b.c.fail("module_type", "block of type %#x is not allowed", first)
		return
	}
	b.c.i--
	b.blockIndex()
}

// blockIndex reads the index of a block's type, a signed number of 33 bits that
// is not negative. Its last byte must say so, or it would be another number
// read unsigned.
func (b *body) blockIndex() {
	b.typeIndex(b.c)
	if last := b.c.i - 1; b.c.err == nil && b.c.b[last]&0x40 != 0 {
		b.c.fail("module_type", "block of a negative type is not allowed")
	}
}

// jump counts what makes another piece of a function, for the compiler.
func (b *body) jump() {
	if b.jumps++; b.jumps > maxJumps {
		b.c.over("module_jumps_limit", "blocks and branches in a function", b.jumps, maxJumps)
	}
}

// access passes the alignment and offset of a load or store.
func (b *body) access(op byte) {
	if b.memories == 0 {
		b.c.fail("module_index", "memory 0 does not exist, there are 0")
	}
	if align, most := b.c.uint(), widthOf(op); align > most {
		b.c.over("module_malformed", "is the alignment of a load or store", align, most)
	}
	b.c.uint()
}

// memory treats memory.size and memory.grow; growing pays by the page.
func (b *body) memory(op byte, at int) {
	b.theMemory()
	if op == opMemoryGrow {
		b.instead(at, appendUint([]byte{opCall}, uint64(b.helper(helperPages)))...)
		b.code = append(b.code, opMemoryGrow, 0)
	}
}

// theMemory passes the byte that names the one memory.
func (b *body) theMemory() {
	if i := int(b.c.byte()); b.c.err == nil && i >= b.memories {
		b.c.fail("module_index", "memory %d does not exist, there are %d", i, b.memories)
		b.c.err.With("found", i).With("limit", b.memories)
	}
}

// more treats the instructions behind the prefix: saturating conversions, and
// bulk memory, which pays by its length.
func (b *body) more(at int) {
	call := func(h int) []byte { return appendUint([]byte{opCall}, uint64(b.helper(h))) }
	switch sub := b.c.uint(); {
	case sub < moreMemoryInit && b.c.err == nil:
	case sub == moreMemoryInit:
		segment := b.c.index("data segment", max(b.announced, 0))
		b.theMemory()
		b.instead(at, call(helperBulk)...)
		b.code = append(appendUint(append(b.code, opMore, moreMemoryInit), uint64(segment)), 0)
	case sub == moreDataDrop:
		b.c.index("data segment", max(b.announced, 0))
	case sub == moreMemoryCopy:
		b.theMemory()
		b.theMemory()
		b.instead(at, call(helperCopy)...)
	case sub == moreMemoryFill:
		b.theMemory()
		b.instead(at, call(helperFill)...)
	case b.c.err == nil:
		b.c.i = at
		b.c.fail("module_opcode", "opcode 0xfc %#x is not allowed", sub)
		b.c.err.With("found", 0xfc00|sub)
	}
}
