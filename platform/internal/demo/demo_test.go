package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const role = "VIGIL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "demo":
		ctx, stop := ossignal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		parent, _ := strconv.Atoi(os.Getenv("PARENT"))
		err := Serve(ctx, Options{Name: "web", URLFile: os.Getenv("URLFILE"), Parent: parent, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
	case "parent":
		c := exec.Command(os.Args[0])
		c.Env = []string{role + "=demo", "URLFILE=" + os.Getenv("URLFILE"), "PARENT=" + strconv.Itoa(os.Getpid())}
		if err := c.Start(); err != nil {
			os.Exit(3)
		}
		_ = c.Wait()
	}
}

// run starts the test binary in a role and returns it with the demo's URL.
func run(t *testing.T, as string) (cmd *exec.Cmd, url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	cmd = exec.Command(os.Args[0])
	cmd.Env = []string{role + "=" + as, "URLFILE=" + file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the demo says its address", func() bool {
		b, err := os.ReadFile(file)
		url = strings.TrimSpace(string(b))
		return err == nil && url != ""
	})
	return cmd, url
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-end:
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ask returns status and body of one request.
func ask(method, url string) (int, string, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	return res.StatusCode, string(b), err
}

func TestServe_SaysItIsWell(t *testing.T) {
	t.Parallel()
	cmd, url := run(t, "demo")
	f := func(method, path string, status int, says string) {
		t.Helper()
		got, body, err := ask(method, url+path)
		if err != nil || got != status || !strings.Contains(body, says) {
			t.Errorf("%s %s = %d %q, %v, want %d with %q", method, path, got, body, err, status, says)
		}
	}
	f("GET", "/", 200, fmt.Sprintf("web is well, pid %d", cmd.Process.Pid))
	f("GET", "/healthz", 200, "ok")
	f("GET", "/nowhere", 404, "")
	f("GET", "/burn", 405, "")
	f("GET", "/crash", 405, "")
	f("POST", "/burn?seconds=0", 400, "1 to 3600")
	f("POST", "/burn?seconds=x", 400, "1 to 3600")
}

func TestCrash_EndsTheProcessWithStatusTwo(t *testing.T) {
	t.Parallel()
	cmd, url := run(t, "demo")
	if status, body, err := ask("POST", url+"/crash"); err != nil || status != 200 {
		t.Errorf("POST /crash = %d %q, %v, want an answer before the end", status, body, err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want status 2", err)
	}
}

func TestBurn_SpinsACoreUntilTheProcessEnds(t *testing.T) {
	t.Parallel()
	cmd, url := run(t, "demo")
	if status, body, err := ask("POST", url+"/burn"); err != nil || status != 200 || !strings.Contains(body, "burns one core") {
		t.Fatalf("POST /burn = %d %q, %v", status, body, err)
	}
	if _, body, err := ask("POST", url+"/burn"); err != nil || !strings.Contains(body, "already") {
		t.Errorf("second POST /burn = %q, %v, want it to say that it burns", body, err)
	}
	eventually(t, "a fifth of a second of CPU is used", func() bool { return cpuTicks(t, cmd.Process.Pid) > 20 })
	if status, _, err := ask("GET", url+"/healthz"); err != nil || status != 200 {
		t.Errorf("GET /healthz while burning = %d, %v", status, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v after TERM, want status 0", err)
	}
}

// cpuTicks is the processor time that pid has used, in hundredths of a second.
func cpuTicks(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("stat = %q", b)
	}
	return user + system
}

func TestServe_EndsWhenItsParentIsKilled(t *testing.T) {
	t.Parallel()
	parent, url := run(t, "parent")
	if status, _, err := ask("GET", url+"/healthz"); err != nil || status != 200 {
		t.Fatalf("GET /healthz = %d, %v", status, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the demo is gone", func() bool { _, _, err := ask("GET", url+"/healthz"); return err != nil })
}

func TestServe_RefusesToBeginAsAnOrphan(t *testing.T) {
	t.Parallel()
	err := Serve(t.Context(), Options{Name: "web", Parent: 1 << 30, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, ErrOrphaned) {
		t.Errorf("Serve = %v, want ErrOrphaned", err)
	}
}
