package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

// TestScripts runs the scripts to which Prometheus holds its own engine. Left
// out are evaluations about native histograms, which are refused at ingest, and
// those in testdata/skips.txt, which count on series that hold them or on start
// timestamps.
func TestScripts(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "promql/promqltest/testdata/*.test"))
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	skips := readSkips(t)
	all := 0
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		kept, run, left := floats(name, string(script), skips)
		all += run
		t.Run(name, func(t *testing.T) {
			t.Logf("%d evaluations run, %d left out", run, left)
			engine := promqltest.NewTestEngine(t, false, 5*time.Minute, promqltest.DefaultMaxSamplesPerQuery)
			promqltest.RunTestWithStorage(t, kept, engine, func(t testing.TB) storage.Storage { return newVault(t) })
		})
	}
	for name := range skips {
		t.Errorf("testdata/skips.txt: %s names no evaluation", name)
	}
	if all < 1300 {
		t.Errorf("only %d evaluations were run", all)
	}
	t.Logf("%d evaluations run", all)
}

// readSkips reads file:line of each evaluation that is left out by name.
func readSkips(t *testing.T) map[string]bool {
	doc, err := os.ReadFile("testdata/skips.txt")
	if err != nil {
		t.Fatal(err)
	}
	skips := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" && name != "#" {
			skips[name] = true
		}
	}
	return skips
}
