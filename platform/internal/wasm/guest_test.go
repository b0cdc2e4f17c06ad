package wasm_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/platform/internal/wasm"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// build compiles a Go module once for the whole test binary.
func build(t testing.TB, dir string) []byte {
	t.Helper()
	once, _ := built.LoadOrStore(dir, sync.OnceValues(func() ([]byte, error) {
		out := filepath.Join(t.TempDir(), "module.wasm")
		if err := module.Build(context.Background(), dir, out); err != nil {
			return nil, err
		}
		return os.ReadFile(out)
	}))
	b, err := once.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var built sync.Map // directory → func() ([]byte, error)

// cacheDir is shared by the tests, so that each module is compiled once.
var cacheDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "vigil-wasm-cache-*") })

// TestMain makes this test binary answer to its own engines, which start it as
// their compiler.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile-apart" {
		os.Exit(wasm.CompileApart(context.Background(), os.Args[2:], os.Stdin, os.Stderr))
	}
	code := m.Run()
	if dir, err := cacheDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func engine(t testing.TB, o wasm.Options) *wasm.Engine {
	t.Helper()
	dir, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if o.CacheDir = dir; o.Deadline == 0 {
		o.Deadline = time.Minute // a busy machine must not fail what is not about time
	}
	e, err := wasm.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// calls is a host that answers each operation with one text.
type calls map[string]string

func (c calls) Call(_ context.Context, op string, req []byte) []byte {
	if answer, ok := c[op]; ok {
		return []byte(answer)
	}
	return fmt.Appendf(nil, `{"ok":false,"code":"capability_denied","message":%q}`, op+" with "+string(req))
}

// probe runs the probe module with one instruction.
func probe(t *testing.T, e *wasm.Engine, do, op string, host wasm.Caller) (vigil.ActionOutput, []string, error) {
	t.Helper()
	module := build(t, "testdata/probe")
	with, err := json.Marshal(map[string]string{"do": do, "op": op})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the first call compiles
	defer cancel()
	return e.RunAction(ctx, digest(module), func() ([]byte, error) { return module, nil }, vigil.ActionInput{With: with}, host)
}

func TestRunAction_GivesEachRunAnInstanceOfItsOwn(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	for range 3 {
		if out, _, err := probe(t, e, "runs", "", nil); err != nil || out.Message != "1" {
			t.Errorf("run = %+v, %v, want the first of its instance", out, err)
		}
	}
}

func TestRunAction_EndsAGuestThatMisbehavesWithItsCode(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{MemoryPages: 256, Strikes: 100})
	for do, want := range map[string]struct{ code, message string }{
		"panic":  {"guest_trap", "panic: the probe panics"},
		"exit":   {"guest_trap", "exited with 3"},
		"memory": {"guest_memory", "out of memory"},
		"loop":   {"guest_fuel", "units of fuel"},
		"calls":  {"guest_quota", "256"},
		"refuse": {"guest_refused", "the probe refused"},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			_, _, err := probe(t, e, do, "", calls{})
			if !strings.HasPrefix(vigil.CodeOf(err), want.code) || !strings.Contains(fmt.Sprint(err), want.message) {
				t.Errorf("run = %v (%s), want %s with %q", err, vigil.CodeOf(err), want.code, want.message)
			}
		})
	}
	if out, _, err := probe(t, e, "runs", "", nil); err != nil || out.Message != "1" {
		t.Errorf("a run after all that = %+v, %v", out, err)
	}
}

func TestRunAction_ShowsTheGuestNothingOfTheMachine(t *testing.T) {
	t.Parallel()
	out, _, err := probe(t, engine(t, wasm.Options{}), "outside", "", nil)
	if err != nil || !out.OK || out.Message != "inside" {
		t.Errorf("run = %+v, %v", out, err)
	}
}

func TestRunAction_HasARealClockAndRandomNumbers(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	for _, do := range []string{"sleep", "deadline"} {
		if out, _, err := probe(t, e, do, "", nil); err != nil || out.Message != "true" {
			t.Errorf("%s = %+v, %v", do, out, err)
		}
	}
	a, _, _ := probe(t, e, "random", "", nil)
	b, _, _ := probe(t, e, "random", "", nil)
	if a.Message == "" || a.Message == b.Message {
		t.Errorf("two runs drew %q and %q", a.Message, b.Message)
	}
}

func TestRunAction_HandsHostCallsToItsCaller(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	reply := `{"ok":true,"data":{"up":true}}`
	if out, _, err := probe(t, e, "call", "service.status", calls{"service.status": reply}); err != nil || out.Message != reply {
		t.Errorf("granted call = %+v, %v", out, err)
	}
	out, _, err := probe(t, e, "call", "file.read", calls{})
	if err != nil || !strings.Contains(out.Message, `capability_denied`) || !strings.Contains(out.Message, "web") {
		t.Errorf("refused call = %+v, %v", out, err)
	}
	if out, _, err := probe(t, e, "call", "service.status", nil); err != nil || out.Message != "-6" {
		t.Errorf("call without a caller = %+v, %v, want errno -6", out, err)
	}
	if _, _, err := probe(t, e, "call", strings.Repeat("x", 200), calls{}); vigil.CodeOf(err) != "guest_quota" {
		t.Errorf("call with a long name = %v", err)
	}
	if out, _, err := probe(t, e, "call", "big", calls{"big": strings.Repeat("x", 3<<20)}); err != nil || out.Message != "-3" {
		t.Errorf("call with a reply of 3 MiB = %+v, %v, want errno -3", out, err)
	}
}

func TestRunAction_BoundsTheLog(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	_, lines, err := probe(t, e, "flood", "", nil)
	if err != nil || len(lines) != 201 || lines[0] != "line 0" || lines[200] != "800 more lines were dropped" {
		t.Errorf("%d lines, the last %q, %v", len(lines), lines[len(lines)-1:], err)
	}
	if _, lines, err := probe(t, e, "log", "", nil); err != nil || len(lines) != 1 || lines[0] != "a word from the probe" {
		t.Errorf("lines %q, %v", lines, err)
	}
}

func TestRunAction_RefusesAPolicyAndBytesOfAnotherDigest(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	wasm := build(t, "testdata/probe")
	read := func() ([]byte, error) { return wasm, nil }
	if _, err := e.OpenPolicy(t.Context(), digest(wasm), read); vigil.CodeOf(err) != "module_kind" {
		t.Errorf("OpenPolicy of an action = %v", err)
	}
	if err := e.Prepare(t.Context(), digest([]byte("other")), read); vigil.CodeOf(err) != "module_digest_mismatch" {
		t.Errorf("Prepare of other bytes = %v", err)
	}
	if err := e.Prepare(t.Context(), digest(wasm), read); err != nil {
		t.Error(err)
	}
}

func TestEngine_CompilesOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	e := engine(t, wasm.Options{})
	wasm := append(slices.Clone(build(t, "testdata/probe")), 0, 2, 1, 'x') // a section of its own: nobody else has bound it
	var mu sync.Mutex
	reads := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := e.Prepare(t.Context(), digest(wasm), func() ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				reads++
				return wasm, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if reads != 1 {
		t.Errorf("the bytes were read %d times", reads)
	}
}

func TestNew_KeepsItsCacheToItself(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	e, err := wasm.New(t.Context(), wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("cache directory: %v, %v", info.Mode(), err)
	}
	if err := e.Prepare(t.Context(), "sha256:x", nil); vigil.CodeOf(err) != "engine_closed" {
		t.Errorf("Prepare after Close = %v", err)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
