package binary

import "github.com/techmedaddy/vigil/sdk/vigil"

// The limits of an upload. They are far above what the toolchains emit and far
// below what hurts: a Go guest of 3.5 MB has 2,300 functions, the largest
// 29 KB with 2,200 blocks and branches, 21,000 data segments and at most 20
// locals. Compiling takes the square of a function's size and of its jumps: one
// function at its limits half a second, the whole module at maxWork some
// fifteen.
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
	maxLoops      = 1_000         // in a function
	maxJumps      = 5_000         // blocks and branches in a function
	maxWork       = 1_000_000_000 // squares of the jumps of all functions
	maxNameLength = 256
	maxManifest   = 64 << 10
	maxCustom     = 64
	maxPages      = 1 << 16 // what 32 bits can address; the host allows fewer
)

// Refuse says that the upload breaks a limit or a rule: what, in which
// section, at which offset of the file.
func Refuse(code, section string, offset int, format string, args ...any) *vigil.Error {
	e := vigil.Errorf(vigil.Invalid, code, format, args...)
	return e.With("section", section).With("offset", offset)
}
