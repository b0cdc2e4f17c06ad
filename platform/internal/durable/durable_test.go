package durable_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/durable"
)

func TestReplace_ReadersSeeTheOldBytesOrTheNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fence")
	one, two := []byte(strings.Repeat("1", 4096)), []byte(strings.Repeat("2", 4096))
	if err := durable.Replace(path, one); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for range 50 {
			for _, b := range [][]byte{two, one} {
				if err := durable.Replace(path, b); err != nil {
					t.Error(err)
				}
			}
		}
	})
	defer writer.Wait()
	for {
		b, err := os.ReadFile(path)
		if err != nil || string(b) != string(one) && string(b) != string(two) {
			t.Fatalf("read %d bytes beginning %.8q, %v; want one of the two files whole", len(b), b, err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestReplace_LeavesOneFileForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "budget")
	for _, b := range []string{"first", "second"} {
		if err := durable.Replace(path, []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("directory holds %v, %v; want the file alone", names, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 || fi.Size() != int64(len("second")) {
		t.Errorf("file = %v, %v; want 6 bytes of mode 0600", fi, err)
	}
}

func TestReplace_FailureKeepsTheOldFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil { // a rename onto it fails
		t.Fatal(err)
	}
	if err := durable.Replace(path, []byte("x")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error = %v, want one that names %s", err, path)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("directory holds %v, %v; want no scratch file left", names, err)
	}
	if err := durable.Replace(filepath.Join(dir, "none", "x"), nil); err == nil {
		t.Error("a file was put into a directory that is not there")
	}
}
