package wasm

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// FuzzCheck shows that what passes the checker harms neither the compiler nor
// the process.
func FuzzCheck(f *testing.F) {
	e := newEngine(f, Options{MemoryPages: 16})
	f.Add(assembly{}.bytes(f))
	f.Add(oracle(f))
	f.Add(assembly{sections: map[byte][]byte{4: {1, 0x70, 0, 5}, 9: {1, 0, 0x41, 0, 0x0b, 1, 0}, 6: {1, 0x7f, 1, 0x41, 0, 0x0b}}}.bytes(f))
	f.Fuzz(func(t *testing.T, module []byte) {
		if _, err := e.Check(t.Context(), module); err == nil {
			return
		} else if vigil.KindOf(err) == vigil.Internal {
			t.Errorf("Check = %v, which is no coded error", err)
		}
	})
}
