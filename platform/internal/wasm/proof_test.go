package wasm

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// proven is a module whose manifest carries the vectors.
func proven(t *testing.T, a assembly, vectors ...string) []byte {
	t.Helper()
	m := vigil.Manifest{Schema: 1, ABI: 1, Kind: vigil.PolicyModule, Name: "asm", Version: "1"}
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
	e := newEngine(t, Options{})
	g, err := e.acquire(t.Context(), digestOf(saying(one)), source{bytes: func() ([]byte, error) { return saying(one), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.release(t.Context(), g)
	for name, c := range map[string]struct {
		other []byte
		code  string
	}{"the same": {saying(one), ""}, "another": {saying(two), "module_divergent"}} {
		s, _, err := e.examine(c.other)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.prove(t.Context(), g, s.Code); (err != nil || c.code != "") && vigil.CodeOf(err) != c.code {
			t.Errorf("%s: prove = %v, want code %q", name, err, c.code)
		}
	}
}
