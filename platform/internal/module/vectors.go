package module

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxVectorBytes is the room for vectors in a manifest.
const maxVectorBytes = 40 << 10

// readVectors reads the vectors in a module's testdata, in the order of their
// names and without spaces, for the proof at its upload. What finds no room is
// left to vigil module test, which plays all of them.
func readVectors(dir string) ([]json.RawMessage, error) {
	files, err := filepath.Glob(filepath.Join(dir, "testdata", "*.json")) // sorted
	if err != nil {
		return nil, fmt.Errorf("look for vectors in %s: %w", dir, err)
	}
	var all []json.RawMessage
	room := maxVectorBytes
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read vector: %w", err)
		}
		var short bytes.Buffer
		if err := json.Compact(&short, text); err != nil {
			return nil, vigil.Errorf(vigil.Invalid, "module_vector", "%s: %s", file, err)
		}
		if len(all) == vigil.MaxVectors || short.Len() > room {
			continue
		}
		room -= short.Len()
		all = append(all, short.Bytes())
	}
	return all, nil
}
