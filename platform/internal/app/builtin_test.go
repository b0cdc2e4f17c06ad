package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
)

// TestBuiltIns_PassTheCheckOfAnUpload is why a start need not check them: every
// limit, an instance that lives, and the vectors compiled and interpreted.
func TestBuiltIns_PassTheCheckOfAnUpload(t *testing.T) {
	t.Parallel()
	cache, err := os.UserCacheDir() // where scripts/build has put the compiled code
	if err != nil {
		t.Fatal(err)
	}
	e, err := wasm.New(t.Context(), wasm.Options{CacheDir: filepath.Join(cache, "vigil", "modules")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	mods, err := builtin.Modules()
	if err != nil {
		t.Fatal(err)
	}
	if len(mods) == 0 {
		t.Fatal("no guest modules are built; run ./scripts/build first")
	}
	for _, m := range mods {
		checked, err := e.Check(t.Context(), m.Wasm)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		read, err := e.Manifest(m.Wasm)
		if diff := cmp.Diff(checked, read); err != nil || diff != "" {
			t.Errorf("%s: its manifest, read alone: %v (-checked +read)\n%s", m.Name, err, diff)
		}
	}
}
