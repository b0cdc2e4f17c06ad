package module_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const smallC = `#include <vigil.h>
static void evaluate(const vigil_batch *b, const void *s) { (void)b; (void)s; }
const vigil_policy vigil_module = {.evaluate = evaluate};
`

func TestBuild_CompilesCWithTheHeadersItCarries(t *testing.T) {
	for _, tool := range []string{"clang", "wasm-ld"} {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("MISSING: %s; install clang and lld", tool)
		}
		t.Skipf("MISSING: %s; install clang and lld: modules in C are not tested", tool)
	}
	dir := source(t, map[string]string{"module.yaml": manifest, "small.c": smallC})
	if err := module.Build(t.Context(), dir, filepath.Join(dir, "small.wasm")); err != nil {
		t.Fatal(err)
	}
	dir = source(t, map[string]string{"module.yaml": manifest, "small.c": smallC + "int x = y;\n"})
	err := module.Build(t.Context(), dir, filepath.Join(dir, "small.wasm"))
	if vigil.CodeOf(err) != "module_build" || !strings.Contains(err.Error(), "small.c:4:9") {
		t.Errorf("a mistake gave %v (%s)", err, vigil.CodeOf(err))
	}
}

func TestBuild_SaysWhichToolIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := source(t, map[string]string{"module.yaml": manifest, "small.c": smallC})
	err := module.Build(t.Context(), dir, filepath.Join(dir, "small.wasm"))
	if vigil.CodeOf(err) != "module_build" || !strings.Contains(vigil.AsError(err).Hint, "clang lld") {
		t.Errorf("without clang: %v, hint %q", err, vigil.AsError(err).Hint)
	}
}
