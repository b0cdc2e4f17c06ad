package wasm

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// wanting is a policy whose manifest wants so much memory, and whose evaluation
// is the body.
func wanting(t testing.TB, memory string, body []byte) []byte {
	t.Helper()
	return assembly{
		noManifest: true, bodies: map[string][]byte{"vigil_eval": body},
		extra: asmCustom(vigil.ManifestSection, `{"schema":1,"abi":1,"kind":"policy","name":"asm","version":"1","limits":{"memory":"`+memory+`"}}`),
	}.bytes(t)
}

func TestClasses_GiveAGuestTheMemoryThatItsManifestWants(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Strikes: 100, PolicyFuel: forever})
	for _, c := range []struct {
		module []byte
		pages  uint32
	}{
		{wanting(t, "1MiB", growing), 256}, // the same code in each, and its memory is another
		{wanting(t, "16MiB", growing), 256},
		{wanting(t, "17MiB", growing), 1024},
		{wanting(t, "200MiB", growing), 4096},
		{bomb(t, growing), 1024},
	} {
		p := openPolicy(t, e, c.module)
		if _, err := p.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_memory" {
			t.Errorf("Eval = %v", err)
		}
		for _, m := range e.Stats().Modules {
			if m.Digest == digestOf(c.module) && m.Pages != c.pages {
				t.Errorf("%s: a guest grew to %d pages, want %d", m.Digest, m.Pages, c.pages)
			}
		}
	}
	if len(e.runtimes) != 3 {
		t.Errorf("%d runtimes were made", len(e.runtimes))
	}
}

func TestClasses_AreBoundedByConfiguration(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{MostMemory: 20 << 20})
	_, err := e.Check(t.Context(), wanting(t, "21MiB", growing))
	if vigil.CodeOf(err) != "module_memory_limit" || vigil.AsError(err).Fields["limit"] != "20MiB" || vigil.AsError(err).Fields["section"] == nil {
		t.Errorf("Check = %v with %v", err, vigil.AsError(err).Fields)
	}
	f := func(wants, want vigil.Size) {
		t.Helper()
		if got, err := (Options{MostMemory: 20 << 20}).Room(vigil.Manifest{Limits: vigil.Limits{Memory: wants}}); err != nil || got != want {
			t.Errorf("Room of %s = %s, %v, want %s", wants, got, err, want)
		}
	}
	f(0, 64<<20)
	f(1, 16<<20)
	f(17<<20, 20<<20)
	f(20<<20, 20<<20)
}
