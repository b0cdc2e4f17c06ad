package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestRun_TellsItsUsage(t *testing.T) {
	t.Parallel()
	f := func(code int, stderr string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), args, &out, &errs); got != code || !strings.Contains(errs.String(), stderr) {
			t.Errorf("vigil-agent %q = %d, %q, want %d and %q", args, got, errs.String(), code, stderr)
		}
	}
	f(0, "-collector URL", "--help")
	f(2, "flag provided but not defined", "--nonsense")
	f(2, "NAME=PIDFILE", "--service", "web")
	f(2, "unexpected argument", "web")
	f(1, "Want for example http://", "--collector", "nonsense", "--spool", t.TempDir())
	f(1, "Name it with --host", "--host", "")
}

func TestRun_PrintsItsVersion(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--version"}, &out, io.Discard); code != 0 || !strings.HasPrefix(out.String(), "vigil-agent ") {
		t.Errorf("--version = %d, %q", code, out.String())
	}
}

func TestRun_WatchesAServiceByItsPidfile(t *testing.T) {
	t.Parallel()
	pidfile := filepath.Join(t.TempDir(), "web.pid")
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	bodies := make(chan string, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
		cancel()
	}))
	t.Cleanup(collector.Close)
	args := []string{
		"--collector", collector.URL, "--host", "h", "--spool", t.TempDir(),
		"--service", "web=" + pidfile, "--service", "gone=/nonexistent",
	}
	if code := run(ctx, args, io.Discard, io.Discard); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	body := <-bodies
	for _, want := range []string{`"name":"service_up","value":1`, `"service":"web"`, `"name":"service_up","value":0`} {
		if !strings.Contains(body, want) {
			t.Errorf("body lacks %s:\n%s", want, body)
		}
	}
}

func TestReadPID_TakesOnlyAPid(t *testing.T) {
	t.Parallel()
	f := func(text string, want int) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readPID(path); got != want {
			t.Errorf("readPID(%q) = %d, want %d", text, got, want)
		}
	}
	f(" 12\n", 12)
	f("", 0)
	f("0", 0)
	f("-5", 0)
	f("12 13", 0)
	f(strings.Repeat("1", 100), 0)
}
