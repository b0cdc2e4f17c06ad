package wasm

import "github.com/techmedaddy/vigil/sdk/vigil"

// The limits of an upload. They are far above what the toolchains emit and far
// below what hurts: a Go guest of 1.8 MB has 1,300 functions, the largest
// 12 KB, 21,000 data segments and at most 20 locals.
const (
	maxTypes      = 10_000
	maxParams     = 64
	maxImports    = 64
	maxFunctions  = 50_000
	maxTable      = 10_000
	maxGlobals    = 10_000
	maxExports    = 1_000
	maxSegments   = 100_000
	maxDataBytes  = 8 << 20
	maxBody       = 64 << 10 // compile time is quadratic in the size of a function
	maxLocals     = 10_000
	maxNameLength = 256
	maxManifest   = 64 << 10
	wasmPage      = 64 << 10
	defaultPages  = 1024 // 64 MiB
	maxCustom     = 64
)

// The limits of a call.
const (
	maxLogLines     = 200
	maxLogLine      = 1 << 10
	maxCalls        = 256      // host calls of one action run
	maxOp           = 128      // bytes of a capability's name
	maxRequest      = 64 << 10 // bytes of a host call's request
	maxReply        = 1 << 20  // bytes of a host call's reply
	maxOutput       = 1 << 20  // bytes of an action's output
	maxMessage      = 512      // bytes of a decision's message that are kept
	maxIovecs       = 64
	maxRandom       = 64 << 10
	maxKnownSeries  = 1 << 20 // series one instance remembers before it is renewed
	dictionaryChunk = 1024    // series told to a guest in one call
	maxDigests      = 256     // modules in use at once
	maxIdle         = 16      // compiled modules kept while nobody uses them, about 10 MB each
)

// refuse says that the upload breaks a limit or a rule: what, in which
// section, at which offset of the file.
func refuse(code, section string, offset int, format string, args ...any) *vigil.Error {
	e := vigil.Errorf(vigil.Invalid, code, format, args...)
	return e.With("section", section).With("offset", offset)
}
