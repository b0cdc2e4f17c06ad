// Package wasm checks, compiles, pools and calls guests: the modules that
// users upload. It alone imports wazero.
//
// It promises its callers that a hostile guest costs at most its own call.
// Package binary reads an upload before the runtime sees a byte, holds every
// count against a limit, and writes the code that is compiled: metered code,
// which pays for what it does with fuel and stops when it has none. A call
// starts with a full tank, and with more for a larger message; what the host does
// for the guest is paid from the same tank. At its yield
// points a guest comes by the host, which ends the call if its time is over and
// gives its seat to a guest that waits; there are fewer seats than processors,
// so that a collection never waits for all. The memory of all guests together
// has a budget and lies outside the collector's heap. And every integer that a
// running guest hands out, as a pointer, a length or a decision, is checked
// before use; memory of a guest is copied, never kept.
//
// A call that traps, runs out of fuel or answers nonsense ends its instance:
// the state of a guest after a trap is anybody's guess, so the instance is
// discarded, the error says why (guest_fuel, guest_stack, guest_memory,
// guest_deadline, guest_trap, guest_bad_pointer, guest_bad_reply, guest_quota)
// and each later call answers guest_closed until the caller opens a new one. A
// module whose guests do so again and again is held back for a while, longer
// each time, and OpenPolicy and RunAction say module_quarantined. Stats tells
// what each module costs.
//
// What nobody has compiled yet may be a bomb for the compiler too. A Compiler
// gives each upload a process of its own with limits of time and memory, which
// end it as module_compile_timeout or module_compile_memory; what it makes goes
// through the cache on disk. Where the kernel has no such limits, a deadline
// ends it.
//
// An upload plays the vectors of its manifest twice, compiled and interpreted,
// and is refused as module_divergent if the answers differ.
//
// Guests see nothing of the machine. WASI is our own: no arguments, no
// environment, no files, no sockets. A policy's clock is the time of its
// evaluation and its random numbers are seeded by it, so that the same samples
// give the same decisions. An action has the real clock, and reaches the
// outside only through its Caller.
//
// An Engine may be used by many goroutines. A Policy belongs to one, the shard
// that opened it. What a module may be granted, where its bytes are kept and
// which of them is meant by a name is left to package module; what its
// decisions lead to, to policy and remedy.
package wasm
