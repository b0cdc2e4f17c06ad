package module_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module"
)

func TestFingerprint_ChangesWithWhatAnAuthorWrites(t *testing.T) {
	t.Parallel()
	dir := source(t, map[string]string{"small.go": "package main\n"})
	f := func(name, text string, want bool) {
		t.Helper()
		before, err := module.Fingerprint(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := module.Fingerprint(dir)
		if err != nil || (before != after) != want {
			t.Errorf("%s: changed is %v, want %v (%v)", name, before != after, want, err)
		}
	}
	f("small.go", "package main // and more\n", true)
	f("module.yaml", "schema: 1\n", true)
	f("small.wasm", "built", false)
	f(".small.go.swp", "an editor's", false)
	f("small.go~", "an editor's", false)
	if _, err := module.Fingerprint(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there has a fingerprint")
	}
}
