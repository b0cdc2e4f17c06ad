package binary

import (
	"context"
	"crypto/sha256"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"
)

// outcome is all that can be seen of a call.
type outcome struct {
	Results []any
	Trap    string
	Memory  [32]byte
	Pages   uint32
}

const ample = 1 << 40

// play calls f of a program and tells what came of it.
func play(t testing.TB, r wazero.Runtime, code []byte, results string) (got outcome, used int64) {
	t.Helper()
	m := instantiate(t, r, code)
	fuel := func() int64 { return ample }
	if m.ExportedGlobal(FuelGlobal) != nil {
		fuel, _ = refuel(t, m, ample)
	}
	values, err := m.ExportedFunction("f").Call(t.Context(), 3)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		got.Trap = first
	}
	for i, v := range values {
		got.Results = append(got.Results, readable(results[i], v))
	}
	memory, _ := m.Memory().Read(0, m.Memory().Size())
	got.Memory, got.Pages = sha256.Sum256(memory), m.Memory().Size()>>pageShift
	_ = m.Close(t.Context())
	return got, ample - fuel()
}

// readable makes all NaN one: their bits are the engine's to choose.
func readable(typ byte, v uint64) any {
	f := math.Float64frombits(v)
	switch typ {
	case 0x7f:
		return int32(v)
	case 0x7e:
		return int64(v)
	case 0x7d:
		f = float64(math.Float32frombits(uint32(v)))
	}
	if math.IsNaN(f) {
		return "NaN"
	}
	return f
}

// offerTwice offers the host function of generated programs.
func offerTwice(t testing.TB, r wazero.Runtime) {
	t.Helper()
	_, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().
		WithFunc(func(_ context.Context, depth, v uint32) uint32 { return depth ^ v*2 }).Export("twice").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

// compare plays the program of a seed metered on both engines, and as it is on
// the interpreter: the compiler has a defect that metering works around.
func compare(t testing.TB, all map[string]wazero.Runtime, seed uint64) (trapped bool, used int64) {
	t.Helper()
	p := generate(seed)
	module := p.bytes()
	s := rewritten(t, module)
	results := p.types[0].Results
	used = -1
	want, _ := play(t, all["interpreter"], module, results)
	for name, r := range all {
		got, units := play(t, r, s.Code, results)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, %s: metering changed the program (-original +metered):\n%s", seed, name, diff)
		}
		if used >= 0 && used != units {
			t.Fatalf("seed %d: %d units on one engine and %d on the other", seed, used, units)
		}
		trapped, used = want.Trap != "", units
	}
	return trapped, used
}

func TestMeter_ChangesNothingOfGeneratedPrograms(t *testing.T) {
	t.Parallel()
	all := engines(t)
	for _, r := range all {
		offerTwice(t, r)
	}
	traps, units, programs := 0, int64(0), 300
	if testing.Short() {
		programs = 30
	}
	for seed := range uint64(programs) {
		trapped, used := compare(t, all, seed)
		if units += used; trapped {
			traps++
		}
	}
	t.Logf("%d programs, %d of them trapped, %d units of fuel", programs, traps, units)
	if traps == 0 || traps > programs*9/10 {
		t.Errorf("%d of %d programs trapped: they show little", traps, programs)
	}
}

// FuzzMeter_ChangesNothing is the same for other seeds.
func FuzzMeter_ChangesNothing(f *testing.F) {
	all := engines(f)
	for _, r := range all {
		offerTwice(f, r)
	}
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compare(t, all, seed) })
}
