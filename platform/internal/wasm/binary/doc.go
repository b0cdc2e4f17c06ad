// Package binary reads WebAssembly modules that nobody trusts yet, and turns
// the ones that keep every limit into code that stops by itself.
//
// It is a checker and a meter around one decoder. Inspect walks a module once,
// in the order of its bytes: each count is held against its limit and against
// the bytes that are left before anything is allocated for it, each index
// against what the module itself declared, each instruction against the list of
// those a guest may use. What it refuses it names: section, offset in the file,
// what was found and what the limit is.
//
// The same walk writes the code that may be compiled. Functions and loops pay
// for the instructions they cover out of one global, FuelGlobal; the one big loop
// that Go's compiler makes of each function pays by the jump (see ladder); bulk
// operations and memory pay by their length; calls pay for their frame out of
// StackGlobal and get it back. Whoever has nothing left traps. At every
// 2^16th unit of fuel the guest calls the host function YieldName of module
// YieldModule, so that the collector and the clock get their turn: native code
// cannot be interrupted from outside.
//
// And it writes around two defects of the compiler, see defects.
//
// How the host uses it:
//
//	offer YieldModule.YieldName as a function () → (); it may panic to end the call
//	instantiate without start functions: a new instance has no fuel
//	before a call: set FuelGlobal to the budget
//	after a call:  budget − FuelGlobal was used
//	after a trap:  FuelGlobal < 0 means out of fuel, StackGlobal < 0 out of stack
//
// The stack needs no care: it is whole again after every call that did not
// trap, and after a trap the instance is thrown away.
//
// The reader may rely on this: a guest cannot name the injected globals and
// functions, because every index is checked against the original module first,
// and the fuel a call uses depends on the module and its input only.
package binary
