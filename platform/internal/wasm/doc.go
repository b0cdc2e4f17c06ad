// Package wasm checks, compiles, pools and calls guests: the modules that
// users upload. It alone imports wazero.
//
// It promises its callers that a hostile guest costs at most its own call.
// Three things carry that promise. A checker walks the sections of an upload
// and holds every count against a limit before the runtime sees a byte, since
// a runtime that believes a fourteen-byte file's claim of four billion imports
// takes the process with it. The bytes that pass are rewritten without custom
// sections and with a forced table maximum, so that what is compiled is only
// what was checked. And every integer that a running guest hands out, as a
// pointer, a length or a decision, is checked before use; memory of a guest is
// copied, never kept.
//
// A call that traps, runs out of time or answers nonsense ends its instance:
// the state of a guest after a trap is anybody's guess, so the instance is
// discarded, the error says why (guest_trap, guest_deadline, guest_memory,
// guest_bad_pointer, guest_bad_reply, guest_quota) and each later call answers
// guest_closed until the caller opens a new one.
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
