package scaffold_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/module/scaffold"
	"github.com/techmedaddy/vigil/sdk"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func beginning(kind vigil.ModuleKind) scaffold.Beginning {
	return scaffold.Beginning{Name: "mine", Kind: kind, Lang: "go", SDK: sdk.Source}
}

// TestWrite_BeginsAModuleThatBuildsAndPassesWithoutANetwork shows it in an
// empty folder, outside of any repository.
func TestWrite_BeginsAModuleThatBuildsAndPassesWithoutANetwork(t *testing.T) {
	for name, value := range map[string]string{"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOSUMDB": "off", "GOWORK": "off"} {
		t.Setenv(name, value)
	}
	for _, kind := range []vigil.ModuleKind{vigil.PolicyModule, vigil.ActionModule} {
		dir := filepath.Join(t.TempDir(), "mine")
		files, err := scaffold.Write(dir, beginning(kind))
		if err != nil || !slices.Contains(files, "mine.go") || !slices.Contains(files, "module.yaml") {
			t.Fatalf("Write(%s) = %v, %v", kind, files, err)
		}
		for _, args := range [][]string{{"vet", "./..."}, {"test", "."}} {
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = dir
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: go %v: %v\n%s", kind, args, err, said)
			}
		}
		if err := module.Build(t.Context(), dir, filepath.Join(dir, "mine.wasm")); err != nil {
			t.Errorf("build %s: %v", kind, err)
		}
	}
}

func TestWrite_RefusesAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	f := func(change func(*scaffold.Beginning), code string) {
		t.Helper()
		parent := t.TempDir()
		b := beginning(vigil.PolicyModule)
		change(&b)
		_, err := scaffold.Write(filepath.Join(parent, "mine"), b)
		if vigil.CodeOf(err) != code {
			t.Errorf("Write = %v (%s), want %s", err, vigil.CodeOf(err), code)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("left behind %v, %v", left, err)
		}
	}
	f(func(b *scaffold.Beginning) { b.Name = "../mine" }, "module_manifest")
	f(func(b *scaffold.Beginning) { b.Kind = "poem" }, "module_kind")
	for _, lang := range []string{"", "rust", "assemblyscript", "cobol"} {
		f(func(b *scaffold.Beginning) { b.Lang = lang }, "module_language")
	}
	f(func(b *scaffold.Beginning) { b.SDK = nil }, "internal")
}

func TestWrite_TouchesNothingThatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := scaffold.Write(dir, beginning(vigil.PolicyModule)); vigil.CodeOf(err) != "module_exists" {
		t.Errorf("Write = %v", err)
	}
}
