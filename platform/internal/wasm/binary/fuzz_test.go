package binary

import (
	"bytes"
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// stripped is a module without its custom sections, which the runtime would
// read and metering drops.
func stripped(module []byte) []byte {
	out := bytes.Clone(module[:len(header)])
	for c := (&cursor{b: module, i: len(header)}); !c.done(); {
		id := c.byte()
		if body := c.take(c.uint()); id != 0 {
			out = append(out, section(id, body)...)
		}
	}
	return out
}

func compiles(r wazero.Runtime, module []byte) error {
	m, err := r.CompileModule(context.Background(), module)
	if err == nil {
		err = m.Close(context.Background())
	}
	return err
}

// FuzzInspect shows that no bytes make the checker panic, that what it refuses
// it refuses with section and offset, and that metering makes no invalid
// module valid and no valid one invalid.
func FuzzInspect(f *testing.F) {
	r := newRuntime(f, wazero.NewRuntimeConfigInterpreter())
	f.Add([]byte(header))
	f.Add(cat([]byte(header), section(2, huge())))
	for seed := range uint64(8) {
		f.Add(generate(seed).bytes())
	}
	for _, p := range runaways() {
		f.Add(p.bytes())
	}
	f.Add(program{types: []Signature{{Results: "\x7f\x7e"}}, functions: []routine{{code: assembler{}.at(opCall, 0)}}}.bytes())
	f.Fuzz(func(t *testing.T, module []byte) {
		s, err := inspect(module, defects{selects: true, remainders: true})
		if e := vigil.AsError(err); err != nil {
			if e.Fields["section"] == nil || e.Fields["offset"] == nil || e.Kind != vigil.Invalid && e.Kind != vigil.TooLarge {
				t.Errorf("Inspect = %v with %v, which does not say where", err, e.Fields)
			}
			return
		}
		before, after := compiles(r, stripped(module)), compiles(r, s.Code)
		if (before == nil) != (after == nil) {
			t.Errorf("compiling the module = %v, its metered code = %v", before, after)
		}
	})
}
