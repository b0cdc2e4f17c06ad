package spool_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/agent/spool"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func open(t testing.TB, dir string, o spool.Options) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t testing.TB, s *spool.Spool, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := s.Put([]byte(r)); err != nil {
			t.Fatalf("Put(%q): %v", r, err)
		}
	}
}

// drain takes everything out.
func drain(s *spool.Spool) (out []string) {
	for {
		record, ok := s.Peek()
		if !ok {
			return out
		}
		out = append(out, string(record))
		s.Drop(record)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestSpool_WritesNoFileWhileAllIsWell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{})
	for i := range 100 {
		put(t, s, fmt.Sprint(i))
		want(t, drain(s), fmt.Sprint(i))
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files = %v, want none", got)
	}
}

func TestSpool_KeepsOrderFromMemoryToDiskAndBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{})
	put(t, s, "a", "b")
	if err := s.Spill(); err != nil {
		t.Fatal(err)
	}
	put(t, s, "c")
	want(t, drain(s), "a", "b", "c")
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files after draining = %v, want none", got)
	}
	put(t, s, "d")
	want(t, drain(s), "d")
}

func TestSpool_SurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{})
	put(t, s, "a", "b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, spool.Options{})
	put(t, s, "c")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, drain(open(t, dir, spool.Options{})), "a", "b", "c")
}

func TestSpool_LosesOnlyATornTail(t *testing.T) {
	t.Parallel()
	master := t.TempDir()
	s := open(t, master, spool.Options{})
	put(t, s, "first", "second")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(files(t, master)[0])
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000001.spool"), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, spool.Options{})
		put(t, s, "third")
		got := drain(s)
		expect := []string{"third"}
		if cut >= 8+len("first") {
			expect = []string{"first", "third"}
		}
		if !slices.Equal(got, expect) {
			t.Errorf("cut at %d: %q, want %q", cut, got, expect)
		}
	}
}

func TestSpool_SetsAFlippedRecordAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{})
	put(t, s, "first", "second")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := files(t, dir)[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, spool.Options{})
	want(t, drain(s), "first")
	if s.Dropped() != 1 {
		t.Errorf("Dropped() = %d, want 1", s.Dropped())
	}
}

func TestSpool_DropsTheOldestAndCountsThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{MaxBytes: 3 << 20})
	if err := s.Spill(); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 256<<10)
	const all = 40 // 10 MiB
	for i := range all {
		put(t, s, fmt.Sprintf("%02d%s", i, body))
	}
	got := drain(s)
	if n := uint64(len(got)) + s.Dropped(); n != all || s.Dropped() == 0 {
		t.Errorf("%d kept and %d dropped, want %d together", len(got), s.Dropped(), all)
	}
	if last := got[len(got)-1][:2]; last != "39" || len(got) < 8 || !slices.IsSorted(got) {
		t.Errorf("kept %d records up to %s, want the newest in order", len(got), last)
	}
}

func TestSpool_DropsNothingButWhatWasPeeked(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), spool.Options{})
	put(t, s, "a")
	onItsWay, _ := s.Peek()
	if err := s.Spill(); err != nil { // what was in memory is read again from disk
		t.Fatal(err)
	}
	s.Drop(onItsWay)
	want(t, drain(s), "a")
}

func TestSpool_RefusesAbsurdRecords(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), spool.Options{})
	for _, n := range []int{0, 9 << 20} {
		if err := s.Put(make([]byte, n)); err == nil {
			t.Errorf("Put of %d bytes = nil, want an error", n)
		}
	}
}

func TestOpen_RefusesASecondAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, spool.Options{})
	if _, err := spool.Open(dir, spool.Options{}); vigil.CodeOf(err) != "already_running" {
		t.Errorf("second Open = %v, want already_running", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, spool.Options{})
}

func TestOpen_TellsWhatIsUnusable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(file, spool.Options{}); vigil.CodeOf(err) != "spool_unusable" {
		t.Errorf("Open = %v, want spool_unusable", err)
	}
}

func TestSpool_KeepsABoundWhenTheDiskRefuses(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, dir, spool.Options{})
	if err := os.RemoveAll(dir); err != nil { // no file can be created there any more
		t.Fatal(err)
	}
	for i := range 100 {
		_ = s.Put([]byte(fmt.Sprint(i)))
	}
	got := drain(s)
	if len(got)+int(s.Dropped()) != 100 || len(got) > 20 || got[len(got)-1] != "99" {
		t.Errorf("kept %q, dropped %d", got, s.Dropped())
	}
}

// A spool behaves like a list, whatever is put, taken, spilled or reopened;
// only a reopening may bring back what was taken since the file was begun.
func TestSpool_BehavesLikeAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s := open(t, dir, spool.Options{})
		var model []string
		next := 0
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				put(t, s, fmt.Sprint(next))
				model = append(model, fmt.Sprint(next))
				next++
			},
			"take": func(rt *rapid.T) {
				record, ok := s.Peek()
				if ok != (len(model) > 0) || ok && string(record) != model[0] {
					rt.Fatalf("Peek = %q, %v, want the first of %q", record, ok, model)
				}
				if ok {
					s.Drop(record)
					model = model[1:]
				}
			},
			"spill": func(rt *rapid.T) {
				if err := s.Spill(); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(rt *rapid.T) {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open(t, dir, spool.Options{})
				got := drain(s)
				if len(got) < len(model) || !slices.Equal(got[len(got)-len(model):], model) || !slices.IsSortedFunc(got, byNumber) {
					rt.Fatalf("after reopening %q, want it to end in %q", got, model)
				}
				model = nil
			},
		})
	})
}

// byNumber orders decimal numbers: the longer one is greater.
func byNumber(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }

// FuzzSegment opens arbitrary bytes as a file of the spool.
func FuzzSegment(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 'x'})
	f.Add([]byte{0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "0000000000000001.spool"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, r := range drain(open(t, dir, spool.Options{})) {
			size += len(r)
		}
		if size > len(b) {
			t.Errorf("%d bytes out of %d", size, len(b))
		}
	})
}
