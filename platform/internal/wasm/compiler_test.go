package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// compileBomb keeps every limit of the checker, and keeps a compiler busy: each
// function's branches cost it their square.
func compileBomb(t testing.TB, functions int) []byte {
	t.Helper()
	const branches = 4900
	body := asmBody([]byte{1, 2, 0x7f}, append(bytes.Repeat([]byte{0x20, 0, 0x45, 0x04, 0x40, 0x20, 1, 0x21, 0, 0x0b}, branches), 0x0b))
	a := assembly{}
	for range functions {
		a.more = append(a.more, body)
	}
	return a.bytes(t)
}

// compiler is this test binary as a compiler.
func compiler(c Compiler) Compiler {
	c.Command = []string{os.Args[0], "compile-apart"}
	return c
}

// childrensTime is how long the children that ended kept a processor busy.
func childrensTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// meanwhile runs f while another policy of the engine decides every millisecond,
// and returns how often it did.
func meanwhile(t *testing.T, e *Engine, f func()) (decided int) {
	t.Helper()
	p := openPolicy(t, e, assembly{}.bytes(t))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := p.Eval(context.Background(), ask(1)); err != nil {
				done <- err
				return
			}
			decided++
			select {
			case <-stop:
				done <- nil
				return
			case <-tick.C:
			}
		}
	}()
	f()
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("another policy meanwhile: %v", err)
	}
	return decided
}

func TestCheck_RefusesACompileBombWithinItsTimeWhileOthersDecide(t *testing.T) { //nolint:paralleltest // it measures its children
	e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: compiler(Compiler{Time: time.Second})})
	module, before := compileBomb(t, 39), childrensTime(t)
	var err error
	decided := meanwhile(t, e, func() { _, err = e.Check(t.Context(), module) })
	fields := vigil.AsError(err).Fields
	if vigil.CodeOf(err) != "module_compile_timeout" || vigil.KindOf(err) != vigil.Invalid || fields["section"] != "code" || fields["limit"] != "1s" {
		t.Errorf("Check = %v with %v", err, fields)
	}
	if used := childrensTime(t) - before; used < 800*time.Millisecond || used > 2*time.Second {
		t.Errorf("the compiler had a processor for %s, the limit is 1s", used)
	}
	if decided < 50 {
		t.Errorf("another policy decided %d times meanwhile", decided)
	}
	if entries := cached(t, e); len(entries) > 1 {
		t.Errorf("the cache holds %v, want the good module only", entries)
	}
}

// cached lists the files of a cache.
func cached(t *testing.T, e *Engine) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(e.o.CacheDir, "wazero-*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCheck_CompilesAnUploadApart(t *testing.T) { //nolint:paralleltest // it measures its children
	e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: compiler(Compiler{})})
	module, before := compileBomb(t, 1), childrensTime(t)
	if _, err := e.Check(t.Context(), module); err != nil {
		t.Fatal(err)
	}
	if used := childrensTime(t) - before; used < 100*time.Millisecond {
		t.Errorf("the child had a processor for %s", used)
	}
	if entries := cached(t, e); len(entries) != 1 {
		t.Errorf("the cache holds %v", entries)
	}
	if _, err := openPolicy(t, e, module).Eval(t.Context(), ask(1)); err != nil {
		t.Error(err)
	}
}

func TestCheck_RefusesWhatTakesTooMuchMemoryToCompile(t *testing.T) {
	t.Parallel()
	if slowdown > 1 {
		t.Skip("the race detector needs more memory than any limit")
	}
	e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: compiler(Compiler{Memory: 70 << 20, Time: 10 * time.Second})})
	_, err := e.Check(t.Context(), compileBomb(t, 30))
	if vigil.CodeOf(err) != "module_compile_memory" || vigil.KindOf(err) != vigil.Invalid || vigil.AsError(err).Fields["limit"] != int64(70<<20) {
		t.Errorf("Check = %v with %v", err, vigil.AsError(err).Fields)
	}
}

func TestCheck_SaysWhyTheCompilerWouldNot(t *testing.T) {
	t.Parallel()
	wrong := assembly{bodies: map[string][]byte{"vigil_eval": {0x0b}}}.bytes(t)
	for name, c := range map[string]struct {
		compiler Compiler
		code     string
		kind     vigil.Kind
	}{
		"module is wrong":  {compiler(Compiler{}), "module_invalid", vigil.Invalid},
		"no such program":  {Compiler{Command: []string{"/nowhere/vigil"}}, "compiler_unavailable", vigil.Internal},
		"arguments":        {Compiler{Command: []string{os.Args[0], "compile-apart", "one too many"}}, "compiler_unavailable", vigil.Internal},
		"compiler crashes": {Compiler{Command: []string{"/bin/sh", "-c", "echo panic: oh >&2; exit 2"}}, "module_compile_failed", vigil.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: c.compiler})
			if _, err := e.Check(t.Context(), wrong); vigil.CodeOf(err) != c.code || vigil.KindOf(err) != c.kind {
				t.Errorf("Check = %v (%s), want %s", err, vigil.CodeOf(err), c.code)
			}
		})
	}
}

func TestCheck_KillsTheCompilerWithItsCaller(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: compiler(Compiler{Time: time.Minute})})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel) // a child may begin or be at work; it has an hour's worth
	if _, err := e.Check(ctx, compileBomb(t, 39)); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v", err)
	}
}

// TestCheck_AKilledCompilerLeavesACacheThatWorks kills compilers when they
// write what they have made, and opens the module in the same cache after each.
func TestCheck_AKilledCompilerLeavesACacheThatWorks(t *testing.T) {
	t.Parallel()
	// A store is a line of machine code, and quick to compile.
	stores := append(bytes.Repeat([]byte{0x41, 8, 0x41, 7, 0x36, 2, 0}, 500), 0x0b)
	a := assembly{}
	for range 100 {
		a.more = append(a.more, asmBody(nil, stores))
	}
	module, killed := a.bytes(t), 0
	for range 10 {
		e := newEngine(t, Options{CacheDir: t.TempDir(), Compiler: compiler(Compiler{Time: time.Minute})})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for ctx.Err() == nil && len(cached(t, e)) == 0 {
				runtime.Gosched() // until it writes
			}
		}()
		_, err := e.Check(ctx, module)
		cancel()
		if errors.Is(err, context.Canceled) {
			killed++
		}
		left := cached(t, e)
		if _, err := e.Check(t.Context(), module); err != nil {
			t.Errorf("the check after a compiler that left %v: %v", left, err)
		}
		if killed == 2 {
			return
		}
	}
	t.Errorf("%d of ten compilers were killed at work", killed)
}

func TestNew_WantsACacheForACompilerApart(t *testing.T) {
	t.Parallel()
	if _, err := New(t.Context(), Options{Compiler: compiler(Compiler{})}); vigil.CodeOf(err) != "cache_missing" {
		t.Errorf("New = %v", err)
	}
}

func TestNew_SweepsUpAfterCompilersThatWereKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "wazero-x")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{"old.tmp": old, "new.tmp": time.Now(), "entry": old} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o600), os.Chtimes(filepath.Join(dir, name), at, at)); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(t, Options{CacheDir: filepath.Dir(dir)})
	left := cached(t, e)
	if len(left) != 2 || filepath.Base(left[0]) != "entry" || filepath.Base(left[1]) != "new.tmp" {
		t.Errorf("left are %v", left)
	}
}
