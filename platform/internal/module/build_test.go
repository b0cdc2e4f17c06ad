package module_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const manifest = `schema: 1
abi: 1
kind: policy
name: small
version: 1.2.3
settings: {type: object, properties: {b: {type: number}, a: {type: number}}}
`

func source(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild_EmbedsTheManifestAsCanonicalJSON(t *testing.T) {
	t.Parallel()
	dir := source(t, map[string]string{"module.yaml": manifest, "go.mod": "module small\n\ngo 1.26\n", "small.go": "package main\n\nfunc main() {}\n"})
	out := filepath.Join(t.TempDir(), "small.wasm")
	if err := module.Build(t.Context(), dir, out); err != nil {
		t.Fatal(err)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := vigil.ManifestSection + `{"schema":1,"abi":1,"kind":"policy","name":"small","version":"1.2.3",` +
		`"settings":{"properties":{"a":{"type":"number"},"b":{"type":"number"}},"type":"object"}}`
	if !bytes.HasPrefix(wasm, []byte("\x00asm")) || !bytes.HasSuffix(wasm, []byte(want)) {
		t.Errorf("module ends with %q", wasm[max(0, len(wasm)-len(want)):])
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".build-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestBuild_WritesTheSchemaOfTheSettingsStruct(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../modules/policies/threshold/threshold.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := source(t, map[string]string{"module.yaml": "settings: {anyOf: [{required: [above]}]}\n" + strings.Split(manifest, "settings:")[0], "t.go": string(text)})
	got, err := module.SettingsOf(dir)
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":false,"anyOf":[{"required":["above"]}],"properties":{` +
		`"above":{"description":"fire above this value","type":"number"},"below":{"description":"fire below this value","type":"number"}},"type":"object"}`
	if err != nil || string(got) != want {
		t.Errorf("SettingsOf = %s, %v, want %s", got, err, want)
	}
}

func TestBuild_SaysWhatIsWrongAndWritesNothing(t *testing.T) {
	t.Parallel()
	f := func(files map[string]string, code, message string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "x.wasm")
		err := module.Build(t.Context(), source(t, files), out)
		if vigil.CodeOf(err) != code || !strings.Contains(err.Error(), message) {
			t.Errorf("Build = %v (%s), want %s with %q", err, vigil.CodeOf(err), code, message)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("something was written")
		}
	}
	f(nil, "module_manifest", "module.yaml is missing")
	f(map[string]string{"module.yaml": manifest + "power: 9000\n"}, "module_manifest", "power")
	f(map[string]string{"module.yaml": manifest + "name: again\n"}, "module_manifest", "name")
	f(map[string]string{"module.yaml": strings.Replace(manifest, "1.2.3", "1.2", 1)}, "module_manifest", "version")
	f(map[string]string{"module.yaml": strings.Replace(manifest, "policy", "poem", 1)}, "module_manifest", "poem")
	f(map[string]string{"module.yaml": strings.Replace(manifest, "a: {type: number}", "a: {format: email}", 1)}, "module_schema", "settings.a")
	f(map[string]string{"module.yaml": manifest, "small.go": "package main\n\nfunc (p P) Evaluate(b policy.Batch, s S, out *policy.Decisions) {}\n\ntype S struct{}\n"}, "module_settings", `the struct in the source has not`)
	f(map[string]string{"module.yaml": manifest, "small.go": "package main\n\nfunc {"}, "module_build", "small.go:3")
	f(map[string]string{"module.yaml": manifest, "go.mod": "module small\n\ngo 1.26\n", "small.go": "package main\n\nfunc main() { undefined() }\n"}, "module_build", "undefined")
}
