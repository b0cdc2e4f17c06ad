package capability

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestCheck_NamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := func(name string, c ServiceConfig, code, says string) {
		t.Helper()
		err := c.Check(name)
		if vigil.CodeOf(err) != code || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("Check(%q, %+v) = %v, want code %q with %q", name, c, err, code, says)
		}
	}
	start := []string{"/bin/true"}
	f("web", ServiceConfig{Start: start}, "", "")
	f("web", ServiceConfig{Start: []string{"/bin/sh", "-c", "exec /srv/web"}, Pidfile: "/run/web.pid"}, "", "")
	f("web", ServiceConfig{Driver: "systemd", Unit: "web.service"}, "driver_unsupported", "systemd")
	f("web", ServiceConfig{Driver: "docker"}, "driver_unsupported", "docker")
	f("web", ServiceConfig{Start: start, Unit: "web.service"}, "service_invalid", "other drivers")
	f("../web", ServiceConfig{Start: start}, "service_invalid", "name")
	f("web@h", ServiceConfig{Start: start}, "service_invalid", "name")
	f("-web", ServiceConfig{Start: start}, "service_invalid", "name")
	f("web", ServiceConfig{}, "service_invalid", "start")
	f("web", ServiceConfig{Start: []string{"true"}}, "service_invalid", "absolute")
	f("web", ServiceConfig{Start: []string{"/bin/../bin/true"}}, "service_invalid", "absolute")
	f("web", ServiceConfig{Start: []string{"/bin/true", "a\nb"}}, "service_invalid", "line break")
	f("web", ServiceConfig{Start: []string{"/bin/true", "a\x00b"}}, "service_invalid", "NUL")
	f("web", ServiceConfig{Start: make([]string, 65)}, "service_invalid", "start")
	f("web", ServiceConfig{Start: start, Pidfile: "web.pid"}, "service_invalid", "pidfile")
	f("web", ServiceConfig{Start: start, Dir: "srv"}, "service_invalid", "dir")
	f("web", ServiceConfig{Start: start, Stop: StopConfig{Signal: "STOP"}}, "service_invalid", "stop.signal")
	f("web", ServiceConfig{Start: start, Stop: StopConfig{Grace: longestWait + 1}}, "service_invalid", "stop.grace")
	f("web", ServiceConfig{Start: start, StartTimeout: longestWait + 1}, "service_invalid", "start_timeout")
	f("web", ServiceConfig{Start: start, Reload: ReloadConfig{Signal: "9"}}, "service_invalid", "reload.signal")
	f("web", ServiceConfig{Start: start, Env: map[string]string{"A=B": ""}}, "service_invalid", "env")
	f("web", ServiceConfig{Start: start, Env: map[string]string{"VIGIL_INSTANCE": "x"}}, "service_invalid", "env")
}

func TestServices_NameTheKnownOnes(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper"), "backend": asRole("sleeper")})
	_, err := s.Restart(t.Context(), "wbe")
	wantCode(t, err, "service_unknown")
	if !strings.Contains(err.Error(), "have: backend, web") {
		t.Errorf("error = %v, want the known ones named", err)
	}
	if got := s.List(); len(got) != 2 || got[0].Service != "backend" || got[1].Up {
		t.Errorf("List = %+v, want both, in order, down", got)
	}
}

func TestTrimLog_KeepsTheEndBesideIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.log")
	f, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := append(bytes.Repeat([]byte("x"), 100), "the end"...)
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := trimLog(path, 200, 7); err != nil {
		t.Fatal(err)
	}
	if err := trimLog(path, 100, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("goes on"); err != nil {
		t.Fatal(err)
	}
	kept, _ := os.ReadFile(path + ".1")
	now, _ := os.ReadFile(path)
	if string(kept) != "the end" || string(now) != "goes on" {
		t.Errorf("kept %q, now %q, want the end kept and writing to go on from the start", kept, now)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " 7 42 42 0 -1 4194304 98 0 0 0 0 0 0 0 20 0 1 0 145239 3133440 390"
	f := func(text string, want stat, ok bool) {
		t.Helper()
		got, err := parseStat([]byte(text))
		if got != want || (err == nil) != ok {
			t.Errorf("parseStat(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
	want := stat{process: process{PID: 42, Start: 145239}, State: 'S', Parent: 7, Group: 42, Session: 42, Threads: 1}
	f("42 (cat) S"+rest, want, true)
	f("42 (a) R (b) S) S"+rest, want, true)
	f("42 (cat) S 7 42", stat{}, false)
	f("(cat) S"+rest, stat{}, false)
	f("", stat{}, false)
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (cat) S 7 42 42 0 -1 4194304 98 0 0 0 0 0 0 0 20 0 1 0 145239 3133440"))
	f.Add([]byte("1 () Z"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStat(b); err == nil && s.PID < 1 {
			t.Errorf("parseStat(%q) = %+v, want a pid", b, s)
		}
	})
}

func FuzzParsePid(f *testing.F) {
	f.Add([]byte("42\n"))
	f.Add([]byte("-1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, ok := parsePid(b); ok && pid < 1 {
			t.Errorf("parsePid(%q) = %d, want a process number", b, pid)
		}
	})
}
