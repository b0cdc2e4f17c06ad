package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/techmedaddy/vigil/sdk/c/include"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// clangFlags ask for a reactor without a C library, in the instructions that
// the sandbox allows. The stack lies first, so that one that runs over traps
// instead of writing into the module's data.
func clangFlags() []string {
	return []string{
		"--target=wasm32", "-std=c11", "-O2", "-Wall", "-Wextra", "-ffreestanding", "-nostdlib",
		"-mcpu=mvp", "-mbulk-memory", "-mmutable-globals", "-mnontrapping-fptoint", "-msign-ext",
		"-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--stack-first", "-Wl,-z,stack-size=65536",
	}
}

// sourcesOfC lists the C files of a module by their names. One that has Go
// files is Go's.
func sourcesOfC(dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the compiler says it better
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".go":
			return nil
		case ".c":
			files = append(files, "./"+e.Name())
		}
	}
	return files
}

// compileC runs clang on a module's files, with the SDK's headers beside the
// result. What it says on failure is the message.
func compileC(ctx context.Context, dir string, files []string, out string) error {
	headers := filepath.Join(filepath.Dir(out), "include")
	if err := os.CopyFS(headers, include.Headers); err != nil {
		return fmt.Errorf("put the SDK's headers in place: %w", err)
	}
	args := append(clangFlags(), "-I", headers, "-o", out)
	cmd := exec.CommandContext(ctx, "clang", append(args, files...)...) //nolint:gosec // the caller names the files
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return vigil.Errorf(vigil.NotFound, "module_build", "there is no clang").Hinted("install clang and lld, for example with apt-get install clang lld")
	}
	if err == nil {
		return nil
	}
	refused := vigil.Errorf(vigil.Invalid, "module_build", "%s", tail(said))
	if bytes.Contains(said, []byte("wasm-ld")) && bytes.Contains(said, []byte("unable to execute")) {
		refused = refused.Hinted("install lld, which has wasm-ld, for example with apt-get install lld")
	}
	return refused
}
