package wasm

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// proven is a module whose manifest carries the vectors.
func proven(t *testing.T, a assembly, vectors ...string) []byte {
	t.Helper()
	m := vigil.Manifest{Schema: 1, ABI: 1, Kind: a.kind, Name: "asm", Version: "1"}
	if a.kind == "" {
		m.Kind = vigil.PolicyModule
	}
	for _, v := range vectors {
		m.Vectors = append(m.Vectors, json.RawMessage(v))
	}
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	a.noManifest, a.extra = true, asmCustom(vigil.ManifestSection, string(doc))
	return a.bytes(t)
}

func TestCheck_PlaysTheVectorsOfAPolicy(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Strikes: 100})
	quiet := `{"settings":{},"series":[{"name":"cpu","labels":{"host":"h"},"samples":[[0,1],[1,"NaN"]]}],"want":[]}`
	trapping := assembly{bodies: map[string][]byte{"vigil_eval": {0x00, 0x0b}}}
	for name, c := range map[string]struct {
		module []byte
		code   string
	}{
		"quiet":       {proven(t, assembly{}, quiet, quiet), ""},
		"none":        {proven(t, trapping), ""},
		"trap":        {proven(t, trapping, quiet), "guest_trap"},
		"endless":     {proven(t, assembly{bodies: map[string][]byte{"vigil_eval": endless}}, quiet), "guest_fuel"},
		"no vector":   {proven(t, assembly{}, `[]`), "module_manifest"},
		"too many":    {proven(t, assembly{}, strings.Split(strings.Repeat("{} ", vigil.MaxVectors+1), " ")[:vigil.MaxVectors+1]...), "module_manifest"},
		"not to like": {proven(t, assembly{bodies: map[string][]byte{"vigil_configure": cat([]byte{0x42}, sleb(-4), []byte{0x0b})}}, quiet), ""},
	} {
		if _, err := e.Check(t.Context(), c.module); vigil.CodeOf(err) != c.code && (err != nil || c.code != "") {
			t.Errorf("%s: Check = %v (%s), want code %q", name, err, vigil.CodeOf(err), c.code)
		}
	}
}

// TestProof_SeesAGuestThatAnswersOtherwise plays two modules that differ in
// their answer only, as a compiler with a defect would make them differ.
func TestProof_SeesAGuestThatAnswersOtherwise(t *testing.T) {
	t.Parallel()
	one := append([]byte{1}, make([]byte, 55)...) // one decision: ok
	two := append([]byte(nil), one...)
	two[8+4] = 1 // fire
	saying := func(reply []byte) []byte {
		return proven(t, assembly{
			bodies:   map[string][]byte{"vigil_eval": answer(2048, uint64(len(reply)))},
			sections: map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(reply))), reply))},
		}, `{"settings":{},"series":[{"name":"cpu","samples":[[0,1]]}]}`)
	}
	f := func(name string, compiled, interpreted []byte, code string) {
		t.Helper()
		if err := divergence(t, compiled, interpreted); (err != nil || code != "") && vigil.CodeOf(err) != code {
			t.Errorf("%s: prove = %v, want code %q", name, err, code)
		}
	}
	f("the same", saying(one), saying(one), "")
	f("another", saying(one), saying(two), "module_divergent")

	done := func(message string) []byte {
		return doing(t, `{"ok":true,"message":"`+message+`"}`, `{"input":{"target":"service:web"}}`)
	}
	f("the same deed", done("done"), done("done"), "")
	f("another deed", done("done"), done("gone"), "module_divergent")
}

// divergence proves a module whose interpreted code is another's.
func divergence(t *testing.T, compiled, interpreted []byte) error {
	t.Helper()
	e := newEngine(t, Options{})
	g, err := e.acquire(t.Context(), digestOf(compiled), source{bytes: func() ([]byte, error) { return compiled, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.release(t.Context(), g)
	s, _, err := e.examine(interpreted)
	if err != nil {
		t.Fatal(err)
	}
	return e.prove(t.Context(), g, s.Code)
}

// doing is an action that always answers the same.
func doing(t *testing.T, reply string, vectors ...string) []byte {
	t.Helper()
	return proven(t, assembly{
		kind:     vigil.ActionModule,
		bodies:   map[string][]byte{"vigil_run": answer(2048, uint64(len(reply)))},
		sections: map[byte][]byte{11: vec(cat([]byte{0, 0x41}, sleb(2048), []byte{0x0b}, appendUint(nil, uint64(len(reply))), []byte(reply)))},
	}, vectors...)
}

func TestCheck_PlaysTheVectorsOfAnAction(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Strikes: 100, ActionFuel: 1_000_000})
	quiet := `{"input":{"target":"service:web"},"want":{"ok":true}}`
	running := func(body ...byte) assembly {
		return assembly{kind: vigil.ActionModule, bodies: map[string][]byte{"vigil_run": body}}
	}
	f := func(name string, module []byte, code string) {
		t.Helper()
		if _, err := e.Check(t.Context(), module); vigil.CodeOf(err) != code && (err != nil || code != "") {
			t.Errorf("%s: Check = %v (%s), want code %q", name, err, vigil.CodeOf(err), code)
		}
	}
	f("quiet", doing(t, `{"ok":true}`, quiet, quiet), "")
	f("no output", doing(t, `[]`, quiet), "guest_bad_reply")
	f("trap", proven(t, running(0x00, 0x0b), quiet), "guest_trap")
	f("endless", proven(t, running(endless...), quiet), "guest_fuel")
	f("untried", proven(t, running(0x00, 0x0b)), "")
	f("no vector", doing(t, `{"ok":true}`, `{"wish":1}`), "module_manifest")
}

// TestProof_IsRememberedBesideTheCompiledCode shows it by a mark that somebody
// put there: what it stands for is not played again.
func TestProof_IsRememberedBesideTheCompiledCode(t *testing.T) {
	t.Parallel()
	trapping := proven(t, assembly{kind: vigil.ActionModule, bodies: map[string][]byte{"vigil_run": {0x00, 0x0b}}}, `{"input":{"target":"service:web"}}`)
	quiet := doing(t, `{"ok":true}`, `{"input":{"target":"service:web"}}`)
	dir := t.TempDir()
	e := newEngine(t, Options{CacheDir: dir, Strikes: 100})
	marks := func() int {
		left, _ := filepath.Glob(filepath.Join(dir, "proven", "*"))
		return len(left)
	}
	if _, err := e.Check(t.Context(), trapping); vigil.CodeOf(err) != "guest_trap" || marks() != 0 {
		t.Errorf("Check = %v, %d marks", err, marks())
	}
	if _, err := e.Check(t.Context(), quiet); err != nil || marks() != 1 {
		t.Errorf("Check = %v, %d marks", err, marks())
	}
	s, _, err := e.examine(trapping)
	if err != nil {
		t.Fatal(err)
	}
	e.markProven(t.Context(), e.proofMark(digestOf(trapping), s.Code))
	if _, err := e.Check(t.Context(), trapping); err != nil {
		t.Errorf("Check of what is marked = %v", err)
	}
	if _, err := newEngine(t, Options{}).Check(t.Context(), trapping); vigil.CodeOf(err) != "guest_trap" {
		t.Errorf("Check without a cache = %v", err)
	}
}
