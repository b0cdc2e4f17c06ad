package actiontest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// EnvPlayed names the environment variable that holds a folder. If it is set,
// every vector leaves there what became of it, so that `vigil module test` can
// compare it with what the same module does in the sandbox.
const EnvPlayed = "VIGIL_PLAYED"

// Played is what became of one vector.
type Played struct {
	Output vigil.ActionOutput `json:"output"`
	Calls  []Call             `json:"calls"`
}

// PlayedName is the file in the folder that one vector leaves.
func PlayedName(vector string) string { return vector + "@run.json" }

func record(t *testing.T, p Played) {
	t.Helper()
	dir := os.Getenv(EnvPlayed)
	if dir == "" {
		return
	}
	doc, err := json.Marshal(p)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, PlayedName(filepath.Base(t.Name()))), doc, 0o600)
	}
	if err != nil {
		t.Errorf("record what was done: %v", err)
	}
}
