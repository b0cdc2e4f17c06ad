package module

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// FuzzManifest shows that no bytes make the readers of a manifest panic, read
// as the section of a module and as module.yaml; that they say what is wrong in
// a few words; and that what they accept comes out of a module as it went in.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("schema: 1\nabi: 1\nkind: policy\nname: small\nversion: 1.2.3\nsettings: {properties: {b: {maximum: 9007199254740993}, a: {}}}\n"))
	f.Add([]byte(`{"schema":1,"abi":1,"kind":"action","name":"a","version":"1.0.0","requires":[{"capability":"service.restart","target":"service:*","why":"w"}]}`))
	f.Add([]byte(`{"schema":1,"abi":1,"kind":"policy","name":"p","version":"1.0.0","vectors":[{"settings":{"above":1e-7},"series":[]}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := vigil.ParseManifest(doc)
		examine(t, m, err)
		m, err = parseSource("module.yaml", doc)
		examine(t, m, err)
	})
}

// examine looks at what reading a manifest gave.
func examine(t *testing.T, m vigil.Manifest, err error) {
	t.Helper()
	if err != nil {
		if kind := vigil.KindOf(err); vigil.CodeOf(err) != "module_manifest" || kind != vigil.Invalid && kind != vigil.TooLarge {
			t.Errorf("reading = %v (%s), want module_manifest", err, vigil.CodeOf(err))
		}
		if n := len(err.Error()); n > 1000 {
			t.Errorf("reading says %d bytes: %.200s", n, err)
		}
		return
	}
	empty := []byte("\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x00") // one memory
	wasm, err := Embed(empty, m)
	if err != nil {
		t.Fatalf("Embed = %v", err)
	}
	shape, err := binary.Inspect(wasm)
	if err != nil {
		if len(wasm) < 64<<10 {
			t.Errorf("Inspect = %v", err)
		}
		return // canonical JSON may be longer than what was read
	}
	again, err := vigil.ParseManifest(shape.Manifest)
	if diff := cmp.Diff(canonical(t, m), canonical(t, again)); err != nil || diff != "" {
		t.Errorf("the module says %v (-written +read):\n%s", err, diff)
	}
}

// canonical is a manifest as JSON with the keys of all objects in order, and
// numbers as they are written.
func canonical(t *testing.T, m vigil.Manifest) string {
	t.Helper()
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	numbers := json.NewDecoder(bytes.NewReader(doc))
	numbers.UseNumber()
	if err := numbers.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	doc, err = json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func TestManifest_IsRefusedInAFewWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 1000)
	for _, field := range []string{"kind", "name", "version", long} {
		doc := `{"schema":1,"abi":1,"kind":"policy","name":"p","version":"1.0.0","` + field + `":"` + long + `"}`
		m, err := vigil.ParseManifest([]byte(doc))
		if err == nil {
			t.Errorf("%.10s: accepted", field)
		}
		examine(t, m, err)
		m, err = parseSource("module.yaml", []byte("schema: 1\nabi: 1\n"+field+": *"+long))
		examine(t, m, err)
	}
}
