package binary

import leb128 "encoding/binary"

const (
	// FuelGlobal is the exported global, a mutable i64, that holds the units a
	// guest may still use, none in a new instance. A unit is about one
	// instruction.
	FuelGlobal = "vigil_fuel"

	// StackGlobal is the exported global, a mutable i64, that holds the room for
	// frames that is left to a guest.
	StackGlobal = "vigil_stack"

	// YieldModule is the host module that metered code imports from.
	YieldModule = "vigil_meter"

	// YieldName is the function of it that metered code calls at every
	// YieldEvery units.
	YieldName = "yield"

	// YieldEvery is how many units of fuel lie between two yields.
	YieldEvery = 1 << 16

	// StackUnits is the room for frames of one call. A frame takes 32 units and
	// one for each local and each sixteen instructions: no more than 1,984
	// frames, fewer than the interpreter allows, and 8 MB of the compiler's.
	StackUnits = 1984 * frameUnits

	frameUnits = 32
	temporary  = 3 // locals that metering adds to a function, with narrows others: fuel before, fuel after, stack
)

// The functions that metering adds behind the guest's own.
const (
	helperCheckpoint = iota // () → (): traps if fuel or stack is out, else yields
	helperCharge            // (i64) → (): pays a cost that is known at run time
	helperPages             // (i32) → (i32): pays for pages, and returns their number
	helperBulk              // (i32) → (i32): pays for bytes, and returns their number
	helperFill              // memory.fill that pays, and yields between pieces
	helperCopy              // memory.copy that pays, and yields between pieces
	helperCount
)

func (w *walk) helper(h int) int { return w.moved(len(w.Functions)) + h }

func (w *walk) fuel() int { return w.globals }

func (w *walk) stack() int { return w.globals + 1 }

// charge writes the payment for a region whose cost is not known yet, and
// returns where it will stand.
func (b *body) charge() (patch int) {
	a := assembler(b.code).at(opGlobalGet, b.fuel()).at(opLocalTee, b.locals).op(opI64Const)
	patch = len(a)
	a = a.op(0x80, 0x80, 0x80, 0x00, opI64Sub).at(opLocalTee, b.locals+1).at(opGlobalSet, b.fuel())
	b.code = a
	return patch
}

// test writes the way to the checkpoint. Fuel before and after differ above
// the sixteenth bit exactly when paying passed a multiple of YieldEvery, zero
// among them.
func (b *body) test() { b.code = assembler(b.code).passed(b.walk, b.locals).checkpoint(b.walk) }

func (a assembler) passed(w *walk, before int) assembler {
	return a.at(opLocalGet, before).at(opLocalGet, before+1).op(opI64Xor)
}

// checkpoint ends a test whose number is on the stack. A stack of frames that
// is out is negative, so read without a sign it is as far above the limit.
func (a assembler) checkpoint(w *walk) assembler {
	return a.i64(YieldEvery-1).op(opI64GtU, opIf, typeNothing).at(opCall, w.helper(helperCheckpoint)).op(opEnd)
}

// putCost writes a cost into the four bytes that charge left for it. A function
// of maxBody bytes, all of it calls of the host, costs two million: far below
// the sign bit.
func putCost(at []byte, cost int) {
	at[0], at[1], at[2], at[3] = byte(cost)|0x80, byte(cost>>7)|0x80, byte(cost>>14)|0x80, byte(cost>>21)&0x3f
}

// write appends the metered function. One that calls others is put into a
// block, so that whatever leaves it passes the code that gives back its frame;
// its branches keep their numbers. One that calls nobody needs no frame.
func (b *body) write(out *written, groups int, declared []byte, sig Signature) {
	instructions := b.code
	b.code = nil
	patch := b.charge()
	putCost(b.code[patch:], b.cost)
	head, tail := assembler(nil), assembler(nil)
	if b.calls {
		frame := int64(frameUnits + b.locals + b.instructions/16)
		third := b.locals + 2
		head = assembler(b.code).at(opGlobalGet, b.stack()).i64(frame).op(opI64Sub).at(opLocalTee, third).at(opGlobalSet, b.stack()).
			passed(b.walk, b.locals).at(opLocalGet, third).op(opI64Or).checkpoint(b.walk).
			op(opBlock).op(b.wrapper(sig.Results)...)
		tail = tail.at(opGlobalGet, b.stack()).i64(frame).op(opI64Add).at(opGlobalSet, b.stack()).op(opEnd)
	} else {
		b.test()
		head = b.code
	}
	more, added := b.added()
	locals := appendUint(nil, uint64(groups+more))
	size := len(locals) + len(declared) + len(added) + len(head) + len(instructions) + len(tail)
	out.items = appendUint(out.items, uint64(size))
	for _, part := range [][]byte{locals, declared, added, head, instructions, tail} {
		out.items = append(out.items, part...)
	}
	b.code = instructions // its room serves the next function
}

// wrapper is the type of a block with results: none, one, or a type of its own.
func (w *walk) wrapper(results string) []byte {
	switch len(results) {
	case 0:
		return []byte{typeNothing}
	case 1:
		return []byte{results[0]}
	}
	i, ok := w.wrappers[results]
	if !ok {
		i = w.addType(Signature{Results: results})
		if w.wrappers == nil {
			w.wrappers = map[string]int{}
		}
		w.wrappers[results] = i
	}
	return appendInt(nil, int64(i))
}

// addType adds a type behind the guest's own and returns its index.
func (w *walk) addType(s Signature) int {
	w.extra = append(w.extra, s)
	return len(w.Types) + len(w.extra) - 1
}

// appendUint appends v as unsigned LEB128.
func appendUint(dst []byte, v uint64) []byte { return leb128.AppendUvarint(dst, v) }

// appendInt appends v as signed LEB128.
func appendInt(dst []byte, v int64) []byte {
	for v < -64 || v > 63 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v)&0x7f)
}
