package wasm

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestShelf_SparesAModuleThatWasBoundBefore(t *testing.T) {
	t.Parallel()
	dir, module := t.TempDir(), assembly{pages: 3}.bytes(t)
	openPolicy(t, newEngine(t, Options{CacheDir: dir}), module)
	e := newEngine(t, Options{CacheDir: dir})
	p, err := e.OpenPolicy(t.Context(), digestOf(module), func() ([]byte, error) { return nil, errors.New("nobody need read it") })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	if _, err := p.Eval(t.Context(), ask(1)); err != nil || p.Pages() != 3 || p.guest.manifest.Name != "asm" {
		t.Errorf("Eval = %v, %d pages, manifest %+v", err, p.Pages(), p.guest.manifest)
	}
}

func TestShelf_HoldsAKeptModuleAgainstTheLimitsInForce(t *testing.T) {
	t.Parallel()
	dir, module := t.TempDir(), assembly{pages: 30}.bytes(t)
	openPolicy(t, newEngine(t, Options{CacheDir: dir}), module)
	if _, err := newEngine(t, Options{CacheDir: dir, MemoryPages: 20}).Check(t.Context(), module); err == nil {
		t.Error("30 pages pass where 20 are the limit")
	}
}

func TestShelf_ChecksAgainWhatADiskHasSpoilt(t *testing.T) {
	t.Parallel()
	dir, module := t.TempDir(), assembly{}.bytes(t)
	openPolicy(t, newEngine(t, Options{CacheDir: dir}), module)
	file := openShelf(dir, newEngine(t, Options{}).log).file(digestOf(module))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)-3] ^= 1
	for name, b := range map[string][]byte{"bit": flipped, "tail": whole[:len(whole)-1], "empty": nil, "long label": append(whole[:32:32], 0xff, 0xff, 0xff, 0xff)} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		read := false
		p, err := newEngine(t, Options{CacheDir: dir}).OpenPolicy(t.Context(), digestOf(module), func() ([]byte, error) {
			read = true
			return module, nil
		})
		if err != nil || !read {
			t.Fatalf("%s: OpenPolicy = %v, the module was read: %v", name, err, read)
		}
		_ = p.Close(t.Context())
		if again, err := os.ReadFile(file); err != nil || string(again) != string(whole) {
			t.Errorf("%s: the module was not kept anew: %v", name, err)
		}
	}
}

// TestShelf_TellsBuildsOfOneSizeAndTimeApart: what another build has checked, by
// other rules, must not pass for checked.
func TestShelf_TellsBuildsOfOneSizeAndTimeApart(t *testing.T) {
	t.Parallel()
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	id := bytes.Index(self, []byte("Go\x00\x00")) // the note's name, before the build id
	if id < 0 || id > buildHead {
		t.Skip("this system's binaries have no note with a build id")
	}
	name := func(file string, b []byte) string {
		t.Helper()
		file = filepath.Join(t.TempDir(), file)
		if err := errors.Join(os.WriteFile(file, b, 0o600), os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0))); err != nil {
			t.Fatal(err)
		}
		build, err := buildOf(file)
		if err != nil {
			t.Fatal(err)
		}
		return build
	}
	one := name("one", self)
	if again := name("again", self); again != one {
		t.Errorf("a copy of build %s is build %s", one, again)
	}
	self[id+10] ^= 1
	if other := name("other", self); other == one {
		t.Errorf("two builds are called %s", one)
	}
}

func TestShelf_KeepsSoManyAndForgetsOtherBuilds(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), newEngine(t, Options{}).log
	old, other := filepath.Join(dir, shelfName+"old"), filepath.Join(dir, shelfName+"other")
	long := time.Now().Add(-2 * shelfLife)
	if err := errors.Join(os.Mkdir(old, 0o700), os.Mkdir(other, 0o700), os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	s := openShelf(dir, log)
	for n := range maxKept + 3 {
		name := string(rune('a' + n))
		s.put(name, checked{})
		at := time.Now().Add(time.Duration(n-1000) * time.Second)
		if err := os.Chtimes(s.file(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(s.dir)
	_, oldest := s.take("a")
	_, newest := s.take(string(rune('a' + maxKept + 2)))
	if err != nil || len(entries) != maxKept || oldest || !newest {
		t.Errorf("%d modules are kept, %v; the oldest: %v, the newest: %v", len(entries), err, oldest, newest)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 {
		t.Errorf("shelves %v", left)
	}
}

// FuzzUnpack reads any bytes as a kept module: none makes it panic.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, headerSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := unpack(b); ok && len(c.code) > len(b) {
			t.Errorf("%d bytes hold %d of code", len(b), len(c.code))
		}
	})
}
