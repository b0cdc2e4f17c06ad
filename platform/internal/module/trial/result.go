package trial

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxVectors bounds how many vectors one module may have.
const maxVectors = 1000

// Result is one vector played under one split.
type Result struct {
	Vector   string `json:"vector"`
	Split    string `json:"split"`
	OK       bool   `json:"ok"`
	Diff     string `json:"diff,omitempty"`     // how it differs from what the vector wants, or from native
	Compared bool   `json:"compared,omitempty"` // with what the same code said natively
}

// Failed counts the results that are not as they should be.
func Failed(all []Result) int {
	n := 0
	for _, r := range all {
		if !r.OK {
			n++
		}
	}
	return n
}

// Vectors lists the vectors in a folder, by path.
func Vectors(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(paths) == 0 {
		return nil, vigil.Errorf(vigil.NotFound, "module_vectors", "there is no vector *.json in %s", dir).
			Hinted("see the package comment of sdk/policytest for what one looks like")
	}
	if len(paths) > maxVectors {
		return nil, vigil.Errorf(vigil.TooLarge, "module_vectors", "%s has %d vectors, the limit is %d", dir, len(paths), maxVectors)
	}
	slices.Sort(paths)
	return paths, nil
}

// result holds what a play gave against the vector and the native record.
func result(path, split string, diffs ...string) Result {
	diffs = slices.DeleteFunc(diffs, func(s string) bool { return s == "" })
	return Result{Vector: filepath.Base(path), Split: split, OK: len(diffs) == 0, Diff: strings.Join(diffs, "\n")}
}

// recorded reads what a native play left; nil if it left nothing.
func recorded(dir, name string) []byte {
	if dir == "" {
		return nil
	}
	doc, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil
	}
	return doc
}
