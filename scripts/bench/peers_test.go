package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// above is the line, as Vigil's own benchmark draws it.
const above = 0.8

// judge reports whether any of the values is above the line.
type judge func(values []float64) (bool, error)

// peers open what is measured, by the name that scripts/figures.txt uses.
var peers = []struct {
	name string
	open func(testing.TB) judge
}{
	{"wazero", openWazero},
	{"extism", openExtism},
	{"cel", openCEL},
	{"expr", openExpr},
	{"opa", openOPA},
}

func TestPeer_TellsQuietFromHigh(t *testing.T) {
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			ask := peer.open(t)
			f := func(values []float64, want bool) {
				t.Helper()
				if got, err := ask(values); err != nil || got != want {
					t.Errorf("judge of %d values = %v, %v, want %v", len(values), got, err, want)
				}
			}
			f(quiet(1), false)
			f([]float64{0.95}, true)
			f(quiet(1000), false)
			f(append(quiet(999), 0.95), true)
			f([]float64{above}, false)
		})
	}
}

func BenchmarkPeer(b *testing.B) {
	for _, peer := range peers {
		ask := peer.open(b)
		for _, samples := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/samples=%d", peer.name, samples), func(b *testing.B) {
				values := quiet(samples)
				b.ReportAllocs()
				for b.Loop() {
					if fires, err := ask(values); fires || err != nil {
						b.Fatalf("judge = %v, %v", fires, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
			})
		}
	}
}

// quiet is n different values below the line.
func quiet(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = 0.25 + 0.5*float64(i)/float64(n)
	}
	return values
}

// build compiles a guest written in Go and returns its bytes.
func build(tb testing.TB, dir string) []byte {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", dir, err, said)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return module
}
