package wasm

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestMemory_AllGuestsTogetherKeepTheirBudget(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Memory: 40 * wasmPage, MemoryPages: 32, Strikes: 100})
	first := openPolicy(t, e, assembly{pages: 30}.bytes(t))
	grower := openPolicy(t, e, bomb(t, growing))
	if _, err := grower.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_memory" {
		t.Errorf("a guest that grows over the budget: %v", err)
	}
	if used := e.Stats().Memory; used != 30*wasmPage {
		t.Errorf("%d bytes are in use after the guest is gone", used)
	}
	if _, err := e.Check(t.Context(), assembly{pages: 20}.bytes(t)); vigil.CodeOf(err) != "memory_budget" || vigil.KindOf(err) != vigil.Busy {
		t.Errorf("a guest that starts over the budget: %v", err)
	}
	if _, err := first.Eval(t.Context(), ask(1)); err != nil {
		t.Errorf("a guest within the budget: %v", err)
	}
}

// resident is the process's memory in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// filling grows its memory to the limit, fills it and traps.
var filling = []byte{
	0x03, 0x40, 0x41, 1, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, // grow while it can
	0x41, 0, 0x41, 1, 0x3f, 0, 0x41, 16, 0x74, 0xfc, 0x0b, 0, // memory.fill(0, 1, memory.size << 16)
	0x00, 0x0b,
}

func TestMemory_OfAGuestThatIsGoneIsTheSystems(t *testing.T) { //nolint:paralleltest // it measures the process
	e := newEngine(t, Options{Strikes: 100})
	before := resident(t)
	for range 8 {
		p := openPolicy(t, e, bomb(t, filling))
		if _, err := p.Eval(t.Context(), ask(1)); err == nil {
			t.Fatal("no error")
		}
	}
	if more := resident(t) - before; more > 64<<20 {
		t.Errorf("%d MiB more after eight guests of 64 MiB", more>>20)
	}
}
