package wasm

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTrim_RemovesWhatWasNotUsedForLongest(t *testing.T) {
	t.Parallel()
	dir, start := t.TempDir(), time.Now().Add(-time.Hour)
	put := func(name string, size int, read, written time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, start.Add(read), start.Add(written)); err != nil {
			t.Fatal(err)
		}
	}
	put("wazero-1/old", 3*block, 1, 1)
	put("wazero-1/read", 3*block, 50, 2)
	put("checked-a/older", block+1, 0, 0)
	put("checked-a/new", 2*block, 40, 40)
	put("proven/mark", 0, 3, 3)
	put("wazero-1/half.123.tmp", block, 0, 0)
	left := func(limit int64) (names []string) {
		t.Helper()
		trim(dir, limit, slog.New(slog.DiscardHandler))
		for _, f := range files(t, dir) {
			name, err := filepath.Rel(dir, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return names
	}
	f := func(limit int64, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, left(limit)); diff != "" {
			t.Errorf("a limit of %d blocks leaves (-want +got)\n%s", limit/block, diff)
		}
	}
	f(12*block, "checked-a/new", "checked-a/older", "proven/mark", "wazero-1/half.123.tmp", "wazero-1/old", "wazero-1/read")
	f(11*block, "checked-a/new", "proven/mark", "wazero-1/half.123.tmp", "wazero-1/old", "wazero-1/read")
	f(8*block, "checked-a/new", "proven/mark", "wazero-1/half.123.tmp", "wazero-1/read")
	f(6*block, "checked-a/new", "wazero-1/half.123.tmp", "wazero-1/read") // seven with the mark
	f(5*block, "wazero-1/half.123.tmp", "wazero-1/read")
}

func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestEngine_KeepsItsCacheWithinTheBound: guests whose files are gone run on,
// and the next engine makes anew what it misses.
func TestEngine_KeepsItsCacheWithinTheBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	held := func() (bytes int64) {
		for _, path := range files(t, dir) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			bytes += max(1, (info.Size()+block-1)/block) * block
		}
		return bytes
	}
	first := assembly{pages: 1}.bytes(t)
	probe := newEngine(t, Options{CacheDir: dir})
	openPolicy(t, probe, first)
	limit := held() + block // of one module and not of two
	o := Options{CacheDir: dir, CacheBytes: limit}
	e := newEngine(t, o)
	one := openPolicy(t, e, first)
	for pages := range 8 {
		two := openPolicy(t, e, assembly{pages: uint64(pages + 2)}.bytes(t))
		if _, err := two.Eval(t.Context(), ask(1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := held(); got > limit {
		t.Errorf("after nine modules the cache holds %d bytes; the bound is %d", got, limit)
	}
	if _, err := one.Eval(t.Context(), ask(1)); err != nil {
		t.Errorf("a guest whose files were removed: %v", err)
	}
	next := newEngine(t, o)
	if got := held(); got > limit {
		t.Errorf("after a start the cache holds %d bytes; the bound is %d", got, limit)
	}
	if _, err := openPolicy(t, next, first).Eval(t.Context(), ask(1)); err != nil {
		t.Errorf("a module that must be made anew: %v", err)
	}
}
