package actiontest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/techmedaddy/vigil/sdk/action"
	"github.com/techmedaddy/vigil/sdk/recorded"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Vector is one test case: what an action is asked, the world it is asked in,
// and what should come of it.
type Vector struct {
	Doc      string                `json:"doc"`
	Input    vigil.ActionInput     `json:"input"`
	Services []vigil.ServiceStatus `json:"services"`
	Answers  []Answer              `json:"answers"`
	Refuse   []Refusal             `json:"refuse"`
	State    map[string]string     `json:"state"`
	Want     Want                  `json:"want"`
	Calls    []Call                `json:"calls"`
}

// Want is an output; nil fields match anything.
type Want struct {
	OK      *bool   `json:"ok"`
	Code    *string `json:"code"`
	Message *string `json:"message"`
}

// Parse reads a vector. Fields it does not know are refused.
func Parse(doc []byte) (Vector, error) {
	var v Vector
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return Vector{}, fmt.Errorf("decode vector: %w", err)
	}
	return v, nil
}

// World makes the vector's world.
func (v Vector) World() *World {
	w := NewWorld(v.Services...)
	for _, a := range v.Answers {
		w.Answer(a)
	}
	w.known = recorded.Scene{State: v.State}.World()
	for _, r := range v.Refuse {
		w.Refuse(r)
	}
	return w
}

// Do runs an action once in a world, input and output passing through the
// bytes that the sandbox passes.
func Do[S any](a action.Action[S], in vigil.ActionInput, w *World) (vigil.ActionOutput, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return vigil.ActionOutput{}, fmt.Errorf("encode input: %w", err)
	}
	b, err := action.NewGuest(a).Run(w, input)
	if err != nil {
		return vigil.ActionOutput{}, fmt.Errorf("run action: %w", err)
	}
	var out vigil.ActionOutput
	if err := json.Unmarshal(b, &out); err != nil {
		return vigil.ActionOutput{}, fmt.Errorf("decode output: %w", err)
	}
	return out, nil
}

// Run plays every vector that the glob pattern finds, usually
// "testdata/*.json", as a subtest.
func Run[S any](t *testing.T, a action.Action[S], pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors match %s (%v)", pattern, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			doc, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			v, err := Parse(doc)
			if err != nil {
				t.Fatal(err)
			}
			Check(t, a, v)
		})
	}
}

// Check plays one vector.
func Check[S any](t *testing.T, a action.Action[S], v Vector) {
	t.Helper()
	w := v.World()
	out, err := Do(a, v.Input, w)
	if err != nil {
		t.Fatal(err)
	}
	record(t, Played{out, w.Calls})
	for _, diff := range v.Diffs(out, w.Calls) {
		t.Error(diff)
	}
}

// Diffs says in words where an output and the calls before it differ from what
// was wanted.
func (v Vector) Diffs(out vigil.ActionOutput, calls []Call) []string {
	var diffs []string
	differ := func(what string, got, want any) {
		diffs = append(diffs, fmt.Sprintf("%s = %v, want %v", what, got, want))
	}
	if v.Want.OK != nil && out.OK != *v.Want.OK {
		differ("ok", out.OK, *v.Want.OK)
	}
	if v.Want.Code != nil && out.Code != *v.Want.Code {
		differ("code", out.Code, *v.Want.Code)
	}
	if v.Want.Message != nil && out.Message != *v.Want.Message {
		differ("message", out.Message, *v.Want.Message)
	}
	for i := range max(len(calls), len(v.Calls)) {
		switch {
		case i >= len(v.Calls):
			differ(fmt.Sprintf("call %d", i), show(calls[i]), "no more")
		case i >= len(calls):
			differ(fmt.Sprintf("call %d", i), "none", show(v.Calls[i]))
		case calls[i].Op != v.Calls[i].Op || !sameJSON(calls[i].Request, v.Calls[i].Request):
			differ(fmt.Sprintf("call %d", i), show(calls[i]), show(v.Calls[i]))
		}
	}
	return diffs
}

// show writes a call without the request's spaces, which mean nothing.
func show(c Call) string {
	var short bytes.Buffer
	if json.Compact(&short, c.Request) != nil {
		return c.Op + " " + string(c.Request) // no JSON: as it is
	}
	return c.Op + " " + short.String()
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
