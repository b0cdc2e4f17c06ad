#include "textflag.h"

// func within(values []float64, low, high float64) int
//
// R0 is the address of the next value and R1 that of the end, F16 is low and
// F17 high. A turn takes sixteen values, the last one first: what lies before it
// in memory needs no check of its own. Each comparison stands inside the one
// before it, and whichever fails leaves the loop.
TEXT ·within(SB), NOSPLIT, $0-48
	I64Load values_base+0(FP)
	Tee R0
	I64Load values_len+8(FP)
	I64Const $3
	I64Shl
	I64Add
	Set R1
	F64Load low+24(FP)
	Set F16
	F64Load high+32(FP)
	Set F17

	Loop
	Get R1
	Get R0
	I64Sub
	I64Const $128
	I64GeU
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $120
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $0
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $8
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $16
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $24
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $32
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $40
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $48
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $56
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $64
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $72
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $80
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $88
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $96
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $104
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $112
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get R0
	I64Const $128
	I64Add
	Set R0
	Br $33
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End
	End

	Loop
	Get R1
	Get R0
	I64Sub
	I64Const $8
	I64GeU
	If
	Get F16
	Get R0
	I32WrapI64
	F64Load $0
	Tee F18
	F64Le
	If
	Get F18
	Get F17
	F64Le
	If
	Get R0
	I64Const $8
	I64Add
	Set R0
	Br $3
	End
	End
	End
	End

	Get SP
	Get R0
	I64Load values_base+0(FP)
	I64Sub
	I64Const $3
	I64ShrU
	I64Store ret+40(FP)
	RET
