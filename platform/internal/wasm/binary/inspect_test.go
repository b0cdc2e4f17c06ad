package binary

import (
	"bytes"
	"slices"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestInspect_RefusesBombsBySectionAndLimit(t *testing.T) {
	t.Parallel()
	bomb := func(id byte, body ...[]byte) []byte { return cat([]byte(header), section(id, cat(body...))) }
	code := func(body ...[]byte) []byte {
		return cat([]byte(header), section(1, []byte{1, typeFunc, 0, 0}), section(3, []byte{1, 0}), section(10, cat(body...)))
	}
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
		"body size":        {code([]byte{1}, appendUint(nil, maxBody+1)), "module_body_limit", "code"},
		"locals":           {code([]byte{1, 8, 1}, huge(), []byte{0x7f, 0x0b}), "module_locals_limit", "code"},
		"data segments":    {bomb(11, huge()), "module_data_limit", "data"},
		"start function":   {bomb(8, []byte{0}), "module_section", "start"},
		"tag section":      {bomb(13, []byte{0}), "module_section", "tag"},
		"unknown section":  {bomb(77, []byte{0}), "module_section", "unknown"},
		"shared memory":    {bomb(5, []byte{1, 3, 1, 1}), "module_feature", "memory"},
		"vector type":      {bomb(1, []byte{1, 0x60, 1, 0x7b, 0}), "module_type", "type"},
		"twice":            {cat(bomb(1, []byte{0}), section(1, []byte{0})), "module_malformed", "type"},
		"out of order":     {cat(bomb(3, []byte{0}), section(1, []byte{0})), "module_malformed", "type"},
		"section too long": {cat([]byte(header), []byte{1}, huge()), "module_malformed", "module"},
		"custom sections":  {cat([]byte(header), bytes.Repeat(custom("x", ""), maxCustom+1)), "module_custom_limit", "custom"},
		"trailing bytes":   {bomb(1, []byte{0, 0}), "module_malformed", "type"},
		"long number":      {bomb(1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}), "module_malformed", "type"},
		"no module":        {[]byte("#!/bin/sh"), "module_malformed", "header"},
		"empty":            {nil, "module_malformed", "header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Inspect(c.module)
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

func TestInspect_BoundsTheWorkOfTheCompiler(t *testing.T) {
	t.Parallel()
	f := func(want string, functions int, code []byte) {
		t.Helper()
		p := one()
		p.functions = slices.Repeat([]routine{{code: code}}, functions)
		_, err := Inspect(p.bytes())
		if e := vigil.AsError(err); e.Code != want || e.Fields["limit"] == nil || e.Fields["found"] == nil {
			t.Errorf("Inspect of %d functions = %v (%v), want %s", functions, err, e.Fields, want)
		}
	}
	block := []byte{opBlock, typeNothing, opEnd}
	f("module_jumps_limit", 1, bytes.Repeat(block, maxJumps+1))
	f("module_jumps_limit", 41, bytes.Repeat(block, maxJumps))
	f("module_loops_limit", 1, bytes.Repeat([]byte{opLoop, typeNothing, opEnd}, maxLoops+1))
}

func TestInspect_AllocatesByWhatIsThereNotByWhatIsClaimed(t *testing.T) {
	bomb := cat([]byte(header), section(2, huge()))
	if len(bomb) != 15 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	got := testing.Benchmark(func(b *testing.B) { //nolint:thelper // the benchmark itself
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Inspect(bomb)
		}
	}).AllocedBytesPerOp()
	if got > 4<<10 {
		t.Errorf("inspecting %d bytes allocates %d bytes", len(bomb), got)
	}
}

func TestInspect_ForcesTheTableMaximumAndDropsCustomSections(t *testing.T) {
	t.Parallel()
	f := func(table []byte, want ...byte) {
		t.Helper()
		p := one()
		p.sections, p.extra = map[byte][]byte{4: table}, cat(custom("name", "\xff\xff\xff\xff\x0f"), custom(vigil.ManifestSection, "{}"))
		s := inspected(t, p.bytes())
		if !bytes.Contains(s.Code, section(4, want)) {
			t.Errorf("table section of the code is not %x", want)
		}
		if bytes.Contains(s.Code, []byte("name")) || bytes.Contains(s.Code, []byte(vigil.ManifestSection)) {
			t.Error("custom sections are left in the code")
		}
		if string(s.Manifest) != "{}" {
			t.Errorf("manifest is %q", s.Manifest)
		}
	}
	forced := appendUint([]byte{1, typeRef, 1, 5}, maxTable)
	f([]byte{1, typeRef, 0, 5}, forced...)
	f(cat([]byte{1, typeRef, 1, 5}, appendUint(nil, 1<<30)), forced...)
	f([]byte{1, typeRef, 1, 5, 7}, 1, typeRef, 1, 5, 7)
}

// TestManifest_IsWhatInspectFinds holds the quick look against the whole walk.
func TestManifest_IsWhatInspectFinds(t *testing.T) {
	t.Parallel()
	p := one()
	p.extra = cat(custom("name", "x"), custom(vigil.ManifestSection, `{"schema":1}`))
	module := p.bytes()
	got, err := Manifest(module)
	if want := inspected(t, module).Manifest; err != nil || !bytes.Equal(got, want) || len(got) == 0 {
		t.Errorf("Manifest = %q, %v, want %q", got, err, want)
	}
	p.extra = nil
	if got, err := Manifest(p.bytes()); got != nil || err != nil {
		t.Errorf("Manifest of a module without one = %q, %v", got, err)
	}
	twice := cat(module, custom(vigil.ManifestSection, "{}"))
	if _, err := Manifest(twice); vigil.CodeOf(err) != "module_manifest" {
		t.Errorf("two manifests: %v", err)
	}
}
