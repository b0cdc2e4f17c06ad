package module

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// HasTests reports whether the module in dir has tests of its own in Go.
func HasTests(dir string) bool {
	tests, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	return err == nil && len(tests) > 0
}

// TestNatively runs the author's own tests of the Go module in dir, with env
// beside the process's own environment. What they say on failure is the
// message.
func TestNatively(ctx context.Context, dir string, env ...string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	said, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return vigil.Errorf(vigil.NotFound, "module_test", "there is no go command").Hinted("install Go, see https://go.dev/dl")
	}
	if err != nil {
		return vigil.Errorf(vigil.Invalid, "module_test", "go test: %s", tail(said))
	}
	return nil
}
