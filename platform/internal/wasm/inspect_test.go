package wasm

import (
	"bytes"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestInspect_RefusesBombsBySectionAndLimit(t *testing.T) {
	t.Parallel()
	bomb := func(id byte, body ...[]byte) []byte { return cat(wasmHeader, asmSection(id, cat(body...))) }
	for name, c := range map[string]struct {
		module  []byte
		code    string
		section string
	}{
		"types":            {bomb(1, huge()), "module_type_limit", "type"},
		"parameters":       {bomb(1, []byte{1, 0x60}, huge()), "module_type_limit", "type"},
		"imports":          {bomb(2, huge()), "module_import_limit", "import"},
		"import name":      {bomb(2, []byte{1}, huge()), "module_import_limit", "import"},
		"functions":        {bomb(3, huge()), "module_function_limit", "function"},
		"tables":           {bomb(4, huge()), "module_table_limit", "table"},
		"table entries":    {bomb(4, []byte{1, 0x70, 0}, appendUint(nil, 1<<27)), "module_table_limit", "table"},
		"memories":         {bomb(5, huge()), "module_memory_limit", "memory"},
		"globals":          {bomb(6, huge()), "module_global_limit", "global"},
		"exports":          {bomb(7, huge()), "module_export_limit", "export"},
		"elements":         {bomb(9, huge()), "module_element_limit", "element"},
		"element entries":  {bomb(9, []byte{1, 1, 0}, huge()), "module_element_limit", "element"},
		"bodies":           {bomb(10, huge()), "module_code_limit", "code"},
		"body size":        {bomb(10, []byte{1}, appendUint(nil, maxBody+1)), "module_body_limit", "code"},
		"locals":           {bomb(10, []byte{1, 8, 1}, huge(), []byte{0x7f, 0x0b}), "module_locals_limit", "code"},
		"data segments":    {bomb(11, huge()), "module_data_limit", "data"},
		"start function":   {bomb(8, []byte{0}), "module_section", "start"},
		"tag section":      {bomb(13, []byte{0}), "module_section", "tag"},
		"unknown section":  {bomb(77, []byte{0}), "module_section", "unknown"},
		"shared memory":    {bomb(5, []byte{1, 3, 1, 1}), "module_feature", "memory"},
		"vector type":      {bomb(1, []byte{1, 0x60, 1, 0x7b, 0}), "module_type", "type"},
		"twice":            {cat(bomb(1, []byte{0}), asmSection(1, []byte{0})), "module_malformed", "type"},
		"out of order":     {cat(bomb(3, []byte{0}), asmSection(1, []byte{0})), "module_malformed", "type"},
		"section too long": {cat(wasmHeader, []byte{1}, huge()), "module_malformed", "module"},
		"custom sections":  {cat(wasmHeader, bytes.Repeat(asmCustom("x", ""), maxCustom+1)), "module_custom_limit", "custom"},
		"trailing bytes":   {bomb(1, []byte{0, 0}), "module_malformed", "type"},
		"long number":      {bomb(1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), "module_malformed", "type"},
		"no module":        {[]byte("#!/bin/sh"), "module_malformed", "header"},
		"empty":            {nil, "module_malformed", "header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := inspect(c.module)
			e := vigil.AsError(err)
			if e.Code != c.code || e.Fields["section"] != c.section || e.Kind != vigil.Invalid {
				t.Errorf("inspect = %v (code %s, fields %v), want %s in section %s", err, e.Code, e.Fields, c.code, c.section)
			}
			if _, ok := e.Fields["offset"]; !ok {
				t.Errorf("no offset in %v", e.Fields)
			}
		})
	}
}

func TestInspect_AllocatesByWhatIsThereNotByWhatIsClaimed(t *testing.T) {
	bomb := cat(wasmHeader, asmSection(2, huge()))
	if len(bomb) != 15 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	got := testing.Benchmark(func(b *testing.B) { //nolint:thelper // the benchmark itself
		b.ReportAllocs()
		for b.Loop() {
			_, _ = inspect(bomb)
		}
	}).AllocedBytesPerOp()
	if got > 4<<10 {
		t.Errorf("inspecting %d bytes allocates %d bytes", len(bomb), got)
	}
}

func TestInspect_ForcesTheTableMaximumAndDropsCustomSections(t *testing.T) {
	t.Parallel()
	for name, table := range map[string][]byte{
		"no maximum":    {1, 0x70, 0, 5},
		"large maximum": cat([]byte{1, 0x70, 1, 5}, appendUint(nil, 1<<30)),
	} {
		a := assembly{sections: map[byte][]byte{4: table}, extra: asmCustom("name", "\xff\xff\xff\xff\x0f")}
		s, err := inspect(a.bytes(t))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := asmSection(4, cat([]byte{1, 0x70, 1, 5}, appendUint(nil, maxTable)))
		if !bytes.Contains(s.code, want) {
			t.Errorf("%s: table section of the code is not %x", name, want)
		}
		if bytes.Contains(s.code, []byte("name")) || bytes.Contains(s.code, []byte(vigil.ManifestSection)) {
			t.Errorf("%s: custom sections are left in the code", name)
		}
	}
}

func TestInspect_KeepsASmallTableMaximum(t *testing.T) {
	t.Parallel()
	s, err := inspect(assembly{sections: map[byte][]byte{4: {1, 0x70, 1, 5, 7}}}.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := asmSection(4, []byte{1, 0x70, 1, 5, 7}); !bytes.Contains(s.code, want) {
		t.Errorf("table section is not %x", want)
	}
}

// FuzzInspect shows that no bytes make the checker panic, and that what it
// lets pass passes again after it was rewritten.
func FuzzInspect(f *testing.F) {
	f.Add(assembly{}.bytes(f))
	f.Add(assembly{kind: vigil.ActionModule, sections: map[byte][]byte{4: {1, 0x70, 0, 5}, 9: {1, 0, 0x41, 0, 0x0b, 1, 0}, 11: {1, 0, 0x41, 0, 0x0b, 1, 'x'}}}.bytes(f))
	f.Add(cat(wasmHeader, asmSection(2, huge())))
	f.Fuzz(func(t *testing.T, module []byte) {
		s, err := inspect(module)
		if err != nil {
			return
		}
		if again, err := inspect(s.code); err != nil || !bytes.Equal(again.code, s.code) {
			t.Errorf("the rewritten module does not pass unchanged: %v", err)
		}
	})
}

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
