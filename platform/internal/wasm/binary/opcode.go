package binary

// The instructions that this package names.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opMore         = 0xfc // a second opcode follows

	moreMemoryInit = 8
	moreDataDrop   = 9
	moreMemoryCopy = 10
	moreMemoryFill = 11
)

// operand is what follows an opcode.
type operand uint8

const (
	forbidden operand = iota // the opcode is not on the list
	nothing
	blockType
	label
	labels
	function
	indirect
	types
	local
	global
	access
	memory
	int32Value
	int64Value
	float32Value
	float64Value
	more
)

// operandOf is the list of the instructions that a guest may use: those of
// WebAssembly 1.0 with sign extension, saturating conversion, multiple values
// and bulk memory. References, tables as values, vectors, threads, tail calls,
// exceptions and garbage collection are not on it, nor is what nobody has
// invented yet.
func operandOf(op byte) operand {
	switch {
	case op >= 0x45 && op <= 0xc4: // comparison, arithmetic, conversion, sign extension
		return nothing
	case op >= opLocalGet && op <= opLocalTee:
		return local
	case op >= 0x28 && op <= 0x3e: // loads and stores
		return access
	}
	switch op {
	case opUnreachable, 0x01, opElse, opEnd, opReturn, opDrop, opSelect: // with nop
		return nothing
	case opBlock, opLoop, opIf:
		return blockType
	case opBr, opBrIf:
		return label
	case opBrTable:
		return labels
	case opCall:
		return function
	case opCallIndirect:
		return indirect
	case opSelectTyped:
		return types
	case opGlobalGet, opGlobalSet:
		return global
	case opMemorySize, opMemoryGrow:
		return memory
	case opI32Const:
		return int32Value
	case opI64Const:
		return int64Value
	case 0x43: // f32.const
		return float32Value
	case 0x44: // f64.const
		return float64Value
	case opMore:
		return more
	}
	return forbidden
}

// widthOf is the binary logarithm of the bytes that a load or store moves,
// the most that its alignment may be.
func widthOf(op byte) int {
	switch op {
	case 0x2c, 0x2d, 0x30, 0x31, 0x3a, 0x3c:
		return 0
	case 0x2e, 0x2f, 0x32, 0x33, 0x3b, 0x3d:
		return 1
	case 0x28, 0x2a, 0x34, 0x35, 0x36, 0x38, 0x3e:
		return 2
	}
	return 3
}

// hostUnits is what a call of a host function costs.
const hostUnits = 64

// weightOf is what an instruction costs, in units: more where a processor may
// wait, for memory, a division or a root.
func weightOf(op byte) int {
	switch {
	case operandOf(op) == access:
		return 2
	case op >= 0x6d && op <= 0x70, op >= 0x7f && op <= 0x82: // integer division and remainder
		return 4
	case op == 0x91, op == 0x95, op == 0x9f, op == 0xa3: // root, division of floats
		return 4
	case op == opCallIndirect, op == opBrTable: // to where the processor may guess wrong
		return 4
	}
	return 1
}
