package remediator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRun_AFileStopsItFromTakingWork(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	if err := os.WriteFile(b.r.o.PauseFile, []byte("moving house\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start(t)
	if r := next(t, b.registered, "registration"); r.Paused == nil || r.Paused.Reason != "moving house" || r.Paused.Path != filepath.Join(b.dir, "pause") {
		t.Errorf("registered %+v, want it to tell of the pause", r.Paused)
	}
	b.leases <- leaseOf("rem-1", 1)
	select {
	case rep := <-b.reports:
		t.Fatalf("report = %+v while paused", rep)
	case <-time.After(2 * lookForPause):
	}
	gone := time.Now()
	if err := os.Remove(b.r.o.PauseFile); err != nil {
		t.Fatal(err)
	}
	if rep := next(t, b.reports, "report after the pause"); !rep.OK {
		t.Errorf("report = %+v, want a good run", rep)
	}
	if r := next(t, b.registered, "registration after the pause"); r.Paused != nil {
		t.Errorf("registered %+v, want no pause", r.Paused)
	}
	t.Logf("took up work and told of it %s after the file was gone", time.Since(gone).Round(time.Millisecond))
}

// The collector is told again and again until it hears.
func TestRun_TellsOfThePauseOnceTheCollectorIsBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	b.registerErr = errors.New("connection refused")
	b.start(t)
	if err := os.WriteFile(b.r.o.PauseFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.desk.set(func(d *desk) { d.registerErr = nil })
	for r := next(t, b.registered, "registration"); r.Paused == nil; r = next(t, b.registered, "registration with a pause") {
	}
}

func TestPause_NotBeingAbleToTellCountsAsOne(t *testing.T) {
	t.Parallel()
	f := func(name, want string, make func(path string) error) {
		t.Helper()
		b := newBench(t, t.TempDir())
		if err := make(b.r.o.PauseFile); err != nil {
			t.Fatal(err)
		}
		p := b.r.pause()
		if p == nil || !strings.HasPrefix(p.Reason, want) || len(p.Reason) > maxPauseText {
			t.Errorf("%s: %+v, want a pause because %q", name, p, want)
		}
	}
	write := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	f("empty", "it gives no reason", write(""))
	f("words", "moving the db", write("  moving\n\tthe db\n"))
	f("no text", "a", write("a\xff\xfe\x00"))
	f("endless", "xxxx", write(strings.Repeat("x", 1<<20)))
	f("a directory", "it cannot be read: it is no plain file", func(path string) error { return os.Mkdir(path, 0o700) })
	f("a pipe that nobody writes to", "it cannot be read: it is no plain file", func(path string) error { return syscall.Mkfifo(path, 0o600) })
	f("a link to a secret", "it cannot be read: it is no plain file", func(path string) error { return os.Symlink("/etc/passwd", path) })
	f("a link to nowhere", "it cannot be read: it is no plain file", func(path string) error { return os.Symlink("/nowhere", path) })
	f("a directory that cannot be entered", "it cannot be looked for: not a directory", func(path string) error {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			return err
		}
		return os.WriteFile(filepath.Dir(path), nil, 0o600)
	})
}

func TestPause_NoFileIsNone(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	if p := b.r.pause(); p != nil {
		t.Errorf("pause = %+v without a file", p)
	}
}
