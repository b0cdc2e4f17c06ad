package module

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestReadVectors_TakesWhatFits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "testdata"), 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "testdata", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a.json", "{\n  \"doc\": \"first\"\n}\n")
	put("b.json", `{"doc": "`+strings.Repeat("x", maxVectorBytes)+`"}`)
	for n := range vigil.MaxVectors {
		put("c"+strconv.Itoa(n)+".json", "{}")
	}
	got, err := readVectors(dir)
	if err != nil || len(got) != vigil.MaxVectors || string(got[0]) != `{"doc":"first"}` || string(got[1]) != "{}" {
		t.Errorf("%d vectors %.60s, %v", len(got), got, err)
	}
	put("d.json", "{")
	if _, err := readVectors(dir); vigil.CodeOf(err) != "module_vector" {
		t.Errorf("of half a vector: %v", err)
	}
}
