package capability

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func daemonConfig(dir string) ServiceConfig {
	pidfile := filepath.Join(dir, "daemon.pid")
	c := asRole("daemon", "PIDFILE="+pidfile)
	c.Pidfile = pidfile
	return c
}

func TestRestart_ReplacesADaemonByItsPidfile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, map[string]ServiceConfig{"db": daemonConfig(dir)})
	first, err := s.Start(t.Context(), "db")
	if err != nil || !first.Up {
		t.Fatalf("Start = %+v, %v, want up", first, err)
	}
	second, err := s.Restart(t.Context(), "db")
	if err != nil || !second.Up || second.PID == first.PID || second.PIDBefore != first.PID {
		t.Fatalf("Restart = %+v, %v, want another pid than %d", second, err, first.PID)
	}
	if st, err := look(first.PID); err == nil && !st.ended() {
		t.Errorf("process %d outlived its restart", first.PID)
	}
	if st, err := s.Stop(t.Context(), "db"); err != nil || st.Up {
		t.Errorf("Stop = %+v, %v, want down", st, err)
	}
}

func TestStart_KillsAStartCommandThatBringsNothingUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	c := asRole("sleeper", "READY="+ready)
	c.Pidfile = filepath.Join(dir, "never.pid")
	c.StartTimeout = vigil.Duration(time.Second)
	s := open(t, dir, map[string]ServiceConfig{"db": c})
	_, err := s.Start(t.Context(), "db")
	wantCode(t, err, "start_failed")
	b, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	if pid, _ := parsePid(b); pid == 0 {
		t.Fatalf("ready file says %q", b)
	} else if _, err := look(pid); err == nil {
		t.Errorf("start command %d is still there", pid)
	}
}

func TestReadPidfile(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper")})
	st, err := s.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(st.PID)
	f := func(name, text string, change func(path string) error, wantPID int, code string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x.pid")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			if err := change(path); err != nil {
				t.Fatal(err)
			}
		}
		p, err := readPidfile(path, "/bin/true")
		if p.PID != wantPID || vigil.CodeOf(err) != code {
			t.Errorf("%s: got %d, %v, want %d with code %q", name, p.PID, err, wantPID, code)
		}
	}
	old := time.Now().Add(-time.Hour)
	f("good", pid+"\n", nil, st.PID, "")
	f("missing", pid, os.Remove, 0, "")
	f("empty", "", nil, 0, "")
	f("dead process", "2147483646", nil, 0, "")
	f("pid reused since", pid, func(p string) error { return os.Chtimes(p, old, old) }, 0, "")
	f("garbage", "12 34", nil, 0, "pidfile_unreadable")
	f("negative", "-5", nil, 0, "pidfile_unreadable")
	f("init", "1", nil, 0, "pidfile_unsafe")
	f("vigil itself", strconv.Itoa(os.Getpid()), nil, 0, "pidfile_unsafe")
	f("vigil's parent", strconv.Itoa(os.Getppid()), nil, 0, "pidfile_unsafe")
	f("everybody may write", pid, func(p string) error { return os.Chmod(p, 0o666) }, 0, "pidfile_unsafe")
	f("link", pid, func(p string) error {
		return firstError(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
	}, 0, "pidfile_unreadable")
	f("fifo", pid, func(p string) error {
		return firstError(os.Remove(p), syscall.Mkfifo(p, 0o600))
	}, 0, "pidfile_unsafe")
}

func TestReadPidfile_BelievesTheStartCommandsOwnProgramDespiteTheClock(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper")})
	st, err := s.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pid")
	old := time.Now().Add(-time.Hour)
	if err := firstError(os.WriteFile(path, []byte(strconv.Itoa(st.PID)), 0o600), os.Chtimes(path, old, old)); err != nil {
		t.Fatal(err)
	}
	if p, err := readPidfile(path, os.Args[0]); err != nil || p.PID != st.PID {
		t.Errorf("readPidfile = %+v, %v, want process %d", p, err, st.PID)
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestNginx drives the real thing, as a user would configure it.
func TestNginx_IsRestartedReloadedAndStopped(t *testing.T) {
	t.Parallel()
	const binary = "/usr/sbin/nginx"
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("nginx is missing: %v", err)
		}
		t.Skipf("SKIPPED: THE NGINX TEST NEEDS %s (apt-get install nginx)", binary)
	}
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`pid %[1]s/nginx.pid; error_log %[1]s/error.log; worker_processes 2; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f;
uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; server { listen %[2]s; location / { return 200 "well\n"; } } }`, dir, addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := ServiceConfig{Start: []string{binary, "-c", conf, "-p", dir}, Pidfile: filepath.Join(dir, "nginx.pid")}
	c.Stop.Signal = "QUIT"
	s := open(t, filepath.Join(dir, "state"), map[string]ServiceConfig{"nginx": c})
	wantServes := func(pid int) {
		t.Helper()
		eventually(t, "nginx answers", func() bool {
			res, err := http.Get("http://" + addr)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			return err == nil && string(b) == "well\n"
		})
		if st, err := s.Status("nginx"); err != nil || st.PID != pid {
			t.Errorf("Status = %+v, %v, want pid %d", st, err, pid)
		}
	}
	first, err := s.Start(t.Context(), "nginx")
	if err != nil {
		t.Fatal(err)
	}
	wantServes(first.PID)
	if st, err := s.Reload(t.Context(), "nginx"); err != nil || st.PID != first.PID {
		t.Errorf("Reload = %+v, %v, want pid %d kept", st, err, first.PID)
	}
	wantServes(first.PID)
	second, err := s.Restart(t.Context(), "nginx")
	if err != nil || second.PID == first.PID || second.PIDBefore != first.PID {
		t.Fatalf("Restart = %+v, %v, want another pid than %d", second, err, first.PID)
	}
	wantServes(second.PID)
	// Its workers outlive a killed master, and keep the port.
	if err := syscall.Kill(second.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	third, err := s.Restart(t.Context(), "nginx")
	if err != nil || !third.Up || third.PID == second.PID {
		t.Fatalf("Restart = %+v, %v, want another pid than %d", third, err, second.PID)
	}
	wantServes(third.PID)
	if st, err := s.Stop(t.Context(), "nginx"); err != nil || st.Up {
		t.Errorf("Stop = %+v, %v, want down", st, err)
	}
	_, err = s.Reload(t.Context(), "nginx")
	wantCode(t, err, "service_down")
}
