package policytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// EnvPlayed names the environment variable that holds a folder. If it is set,
// every play leaves there what was said, so that `vigil module test` can
// compare it with what the same module says in the sandbox.
const EnvPlayed = "VIGIL_PLAYED"

// PlayedName is the file in the folder that one play leaves.
func PlayedName(vector string, split Split) string { return vector + "@" + split.Name + ".json" }

func record(t *testing.T, split Split, said []Decision) {
	t.Helper()
	dir := os.Getenv(EnvPlayed)
	if dir == "" {
		return
	}
	doc, err := json.Marshal(said)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, PlayedName(filepath.Base(t.Name()), split)), doc, 0o600)
	}
	if err != nil {
		t.Errorf("record what was said: %v", err)
	}
}
