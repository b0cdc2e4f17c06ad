package binary

import (
	"context"
	"crypto/sha256"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// guests are the built-in modules as the SDK's toolchain made them.
func guests(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range []string{"threshold", "restart-service"} {
		b, err := os.ReadFile("../../module/builtin/dist/" + name + ".wasm")
		if err != nil {
			t.Skipf("the built-in modules are not built: run scripts/build: %v", err)
		}
		all[name] = b
	}
	return all
}

// still offers everything that a guest imports as a function that does nothing and
// answers the same to every run: zero, and that there are no files. The clock
// stands at a time of its own, for Go takes zero for a broken one.
func still(t testing.TB, r wazero.Runtime, s *Shape) {
	t.Helper()
	builders := map[string]wazero.HostModuleBuilder{}
	for _, im := range s.Imports {
		b := builders[im.Module]
		if b == nil {
			b = r.NewHostModuleBuilder(im.Module)
			builders[im.Module] = b
		}
		sig := s.Types[im.Type]
		answer := uint64(0)
		if strings.HasPrefix(im.Name, "fd_") {
			answer = 8 // no such file
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, stack []uint64) {
			if im.Name == "clock_time_get" {
				m.Memory().WriteUint64Le(uint32(stack[2]), 1e9)
			}
			if sig.Results != "" {
				stack[0] = answer
			}
		}), []byte(sig.Params), []byte(sig.Results)).Export(im.Name)
	}
	for _, b := range builders {
		if _, err := b.Instantiate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// batch is n samples of one series, as the ABI has it.
func batch(n int) []byte {
	var times []int64
	var values []float64
	for i := range n {
		times, values = append(times, int64(i+1)*1e9), append(values, math.Mod(float64(i)*0.3, 1))
	}
	rows := []abi.Row{{ID: 7, Ref: 0, Count: uint32(n)}}
	return abi.AppendBatch(nil, abi.Header{Config: 1, Now: 1e18}, rows, times, values)
}

// life starts a guest, tells it things and keeps what it answered.
type life struct {
	t       testing.TB
	m       api.Module
	Answers []uint64
	Memory  [][32]byte
}

func (l *life) call(name string, args ...uint64) uint64 {
	l.t.Helper()
	f := l.m.ExportedFunction(name)
	if f == nil {
		return 0
	}
	got, err := f.Call(l.t.Context(), args...)
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	got = append(got, 0)
	memory, _ := l.m.Memory().Read(0, l.m.Memory().Size())
	l.Answers, l.Memory = append(l.Answers, got[0]), append(l.Memory, sha256.Sum256(memory))
	return got[0]
}

func (l *life) tell(name string, message []byte, args ...uint64) uint64 {
	l.t.Helper()
	ptr := l.call("vigil_buffer", uint64(len(message)))
	if !l.m.Memory().Write(uint32(ptr), message) {
		l.t.Fatalf("buffer at %d", ptr)
	}
	return l.call(name, append(args, ptr, uint64(len(message)))...)
}

func live(t testing.TB, r wazero.Runtime, code []byte) (l life, used int64) {
	t.Helper()
	l = life{t: t, m: instantiate(t, r, code)}
	fuel := func() int64 { return ample }
	if l.m.ExportedGlobal(FuelGlobal) != nil {
		fuel, _ = refuel(t, l.m, ample)
	}
	l.call("_initialize")
	l.tell("vigil_configure", []byte(`{"above":0.8}`), 1)
	l.tell("vigil_series", abi.AppendDictionary(nil, []abi.Series{{ID: 7, Ref: 0}}))
	for n := range 20 {
		if got := l.tell("vigil_eval", batch(n*20)); int64(got) < 0 {
			t.Fatalf("vigil_eval answers %d", int64(got))
		}
	}
	l.tell("vigil_run", []byte(`{"service":"nginx"}`))
	_ = l.m.Close(t.Context())
	return l, ample - fuel()
}

func TestMeter_ChangesNothingOfGuestsInGo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles four modules of megabytes")
	}
	for name, module := range guests(t) {
		samelife(t, name, module)
	}
}

func TestMeter_ChangesNothingOfGuestsInC(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("MISSING: clang; install clang and lld: modules in C are not tested")
	}
	const sdk = "../../../../sdk/c/"
	out := filepath.Join(t.TempDir(), "threshold.wasm")
	cmd := exec.CommandContext(t.Context(), "clang", "--target=wasm32", "-nostdlib", "-O2", "-mbulk-memory", "-mreference-types", "-Wl,--no-entry",
		"-I", sdk+"include", "-o", out, sdk+"examples/threshold/threshold.c")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, said)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	samelife(t, "threshold in C", module)
}

// samelife compares the life of a guest metered and not, on both engines.
func samelife(t *testing.T, name string, module []byte) {
	t.Helper()
	s := inspected(t, module)
	used := int64(-1)
	for engine, r := range engines(t) {
		still(t, r, s)
		want, _ := live(t, r, module)
		got, units := live(t, r, s.Code)
		if diff := cmp.Diff(want.Answers, got.Answers); diff != "" {
			t.Errorf("%s, %s: metering changed the answers (-original +metered):\n%s", name, engine, diff)
		}
		if !cmp.Equal(want.Memory, got.Memory) {
			t.Errorf("%s, %s: metering changed the memory", name, engine)
		}
		if used >= 0 && used != units {
			t.Errorf("%s: %d units on one engine and %d on the other", name, used, units)
		}
		used = units
		t.Logf("%s, %s: %d answers, last %#x, %d units of fuel", name, engine, len(got.Answers), got.Answers[len(got.Answers)-1], units)
	}
}
