package binary

// What metering adds to a module: one import, two globals, their exports, and
// a few functions behind the guest's own.

const (
	opI32GtU     = 0x4b
	opI32LeU     = 0x4d
	opI64LtS     = 0x53
	opI64GtU     = 0x56
	opI64LeU     = 0x58
	opI32Add     = 0x6a
	opI32Sub     = 0x6b
	opI32Or      = 0x72
	opI64Add     = 0x7c
	opI64Sub     = 0x7d
	opI64Or      = 0x84
	opI64Xor     = 0x85
	opI64Shl     = 0x86
	opI64ShrU    = 0x88
	opI64ExtendU = 0xad
	bytesUnit    = 3       // binary logarithm of the bytes that one unit moves
	pageUnits    = 10      // binary logarithm of the units that a page costs
	piece        = 1 << 20 // bytes moved between two yields
	pageShift    = 16
)

// assembler is code being written.
type assembler []byte

func (a assembler) op(code ...byte) assembler { return append(a, code...) }

// at writes an instruction with an index.
func (a assembler) at(op byte, index int) assembler { return appendUint(append(a, op), uint64(index)) }

func (a assembler) i32(v int64) assembler { return appendInt(append(a, opI32Const), v) }

func (a assembler) i64(v int64) assembler { return appendInt(append(a, opI64Const), v) }

// get reads locals, one after the other.
func (a assembler) get(locals ...int) assembler {
	for _, l := range locals {
		a = a.at(opLocalGet, l)
	}
	return a
}

// assemble writes the injected parts behind the guest's own, and assembles.
func (w *walk) assemble() []byte {
	w.addHelpers()
	w.addGlobals()
	w.addTypes()
	size := len(header)
	for _, s := range w.out {
		size += len(s.items) + 16
	}
	code := append(make([]byte, 0, size), header...)
	for _, s := range w.out {
		if s.id == 0 {
			continue
		}
		count := appendUint(nil, uint64(s.count))
		code = appendUint(append(code, s.id), uint64(len(count)+len(s.items)))
		code = append(append(code, count...), s.items...)
	}
	return code
}

// add appends an item to the section of a rank.
func (w *walk) add(rank int, id byte, item []byte) {
	out := &w.out[rank]
	out.id = id
	out.count++
	out.items = append(out.items, item...)
}

func appendName(dst []byte, name string) []byte {
	return append(appendUint(dst, uint64(len(name))), name...)
}

func (w *walk) addGlobals() {
	w.add(6, 6, assembler{typeI64, 1}.i64(0).op(opEnd))
	w.add(6, 6, assembler{typeI64, 1}.i64(StackUnits).op(opEnd))
	w.add(7, 7, appendUint(append(appendName(nil, FuelGlobal), 3), uint64(w.fuel())))
	w.add(7, 7, appendUint(append(appendName(nil, StackGlobal), 3), uint64(w.stack())))
}

func (w *walk) addTypes() {
	for _, s := range w.extra {
		item := appendName([]byte{typeFunc}, s.Params)
		w.add(1, 1, appendName(item, s.Results))
	}
}

func (w *walk) addHelpers() {
	const i32, i64 = "\x7f", "\x7e"
	none := w.addType(Signature{})
	pay := w.addType(Signature{Params: i64})
	count := w.addType(Signature{Params: i32, Results: i32})
	move := w.addType(Signature{Params: i32 + i32 + i32})
	item := append(appendName(appendName(nil, YieldModule), YieldName), 0)
	w.add(2, 2, appendUint(item, uint64(none)))
	code := [helperCount]assembler{
		helperCheckpoint: w.checkpointCode(),
		helperCharge:     w.chargeCode(),
		helperPages:      w.pagesCode(),
		helperBulk:       w.payBytes(nil, 0).get(0),
		helperFill:       w.fillCode(),
		helperCopy:       w.copyCode(),
	}
	for h, typ := range [helperCount]int{none, pay, count, count, move, move} {
		w.add(3, 3, appendUint(nil, uint64(typ)))
		locals := assembler{0}
		if h == helperCharge {
			locals = assembler{1, 2, typeI64}
		}
		body := append(locals, code[h].op(opEnd)...)
		w.add(10, 10, append(appendUint(nil, uint64(len(body))), body...))
	}
}

func (w *walk) checkpointCode() assembler {
	return assembler(nil).
		at(opGlobalGet, w.fuel()).i64(0).op(opI64LtS).
		at(opGlobalGet, w.stack()).i64(0).op(opI64LtS).
		op(opI32Or, opIf, typeNothing, opUnreachable, opEnd).
		at(opCall, len(w.Imports)) // yield
}

func (w *walk) chargeCode() assembler {
	return assembler(nil).
		at(opGlobalGet, w.fuel()).at(opLocalTee, 1).get(0).op(opI64Sub).at(opLocalTee, 2).at(opGlobalSet, w.fuel()).
		passed(w, 1).checkpoint(w)
}

// pagesCode lets those pass for nothing who ask for more than there can be:
// they get nothing.
func (w *walk) pagesCode() assembler {
	return assembler(nil).
		get(0).i32(maxPages).op(opI32LeU, opIf, typeNothing).
		get(0).op(opI64ExtendU).i64(pageUnits).op(opI64Shl).at(opCall, w.helper(helperCharge)).
		op(opEnd).get(0)
}

// payBytes pays for the number of bytes in a local.
func (w *walk) payBytes(a assembler, local int) assembler {
	return a.get(local).op(opI64ExtendU).i64(bytesUnit).op(opI64ShrU).at(opCall, w.helper(helperCharge))
}

// inside asks whether size bytes from a local's address lie inside memory.
func (a assembler) inside(address int) assembler {
	return a.get(address).op(opI64ExtendU).get(2).op(opI64ExtendU, opI64Add).
		op(opMemorySize, 0, opI64ExtendU).i64(pageShift).op(opI64Shl, opI64LeU)
}

// long opens an if for more bytes than one piece.
func (a assembler) long() assembler { return a.get(2).i32(piece).op(opI32GtU) }

// again closes a loop that goes on while there is more than one piece.
func (a assembler) again() assembler { return a.long().op(opBrIf, 0, opEnd) }

// step adds the size of a piece to a local, or takes it away.
func (a assembler) step(op byte, local int) assembler {
	return a.get(local).i32(piece).op(op).at(opLocalSet, local)
}

func (w *walk) payPiece(a assembler) assembler {
	return a.i64(piece>>bytesUnit).at(opCall, w.helper(helperCharge))
}

// fillCode fills piece by piece. What reaches outside memory is left to the
// instruction itself, which writes nothing then.
func (w *walk) fillCode() assembler {
	a := assembler(nil).long().op(opIf, typeNothing).inside(0).op(opIf, typeNothing, opLoop, typeNothing)
	a = w.payPiece(a).get(0, 1).i32(piece).op(opMore, moreMemoryFill, 0)
	a = a.step(opI32Add, 0).step(opI32Sub, 2).again().op(opEnd, opEnd)
	return w.payBytes(a, 2).get(0, 1, 2).op(opMore, moreMemoryFill, 0)
}

// copyCode copies piece by piece, from the end when the target lies behind the
// source: they may overlap.
func (w *walk) copyCode() assembler {
	a := assembler(nil).long().op(opIf, typeNothing).inside(0).op(opIf, typeNothing).inside(1).op(opIf, typeNothing)
	a = a.get(0, 1).op(opI32LeU, opIf, typeNothing, opLoop, typeNothing)
	a = w.payPiece(a).get(0, 1).i32(piece).op(opMore, moreMemoryCopy, 0, 0)
	a = a.step(opI32Add, 0).step(opI32Add, 1).step(opI32Sub, 2).again()
	a = w.payPiece(a.op(opElse, opLoop, typeNothing)).step(opI32Sub, 2)
	a = a.get(0, 2).op(opI32Add).get(1, 2).op(opI32Add).i32(piece).op(opMore, moreMemoryCopy, 0, 0)
	a = a.again().op(opEnd, opEnd, opEnd, opEnd)
	return w.payBytes(a, 2).get(0, 1, 2).op(opMore, moreMemoryCopy, 0, 0)
}
