package capability

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// role makes the test binary play one of the processes that the tests drive.
const role = "VIGIL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "sleeper":
		sleeper()
	case "daemon":
		daemonise()
	case "daemon-main":
		daemonMain()
	case "keeper":
		keeper()
	}
}

// sleeper is a service. STUBBORN ignores TERM, CHILD has one more process in
// its group, ENVIRON tells its environment in a file.
func sleeper() {
	if os.Getenv("STUBBORN") != "" {
		ossignal.Ignore(syscall.SIGTERM)
	}
	if path := os.Getenv("ENVIRON"); path != "" {
		must(os.WriteFile(path, []byte(strings.Join(os.Environ(), "\n")), 0o600))
	}
	if path := os.Getenv("CHILD"); path != "" {
		c := exec.Command(os.Args[0])
		c.Env = []string{role + "=sleeper", "STUBBORN=1", "READY=" + path}
		must(c.Start())
	}
	if path := os.Getenv("READY"); path != "" {
		must(os.WriteFile(path+".new", strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600))
		must(os.Rename(path+".new", path))
	}
	time.Sleep(time.Minute)
}

// daemonise starts the daemon in a session of its own and ends, as daemons do.
func daemonise() {
	c := exec.Command(os.Args[0])
	c.Env = []string{role + "=daemon-main", "PIDFILE=" + os.Getenv("PIDFILE")}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	must(c.Start())
}

func daemonMain() {
	must(os.WriteFile(os.Getenv("PIDFILE"), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644))
	time.Sleep(time.Minute)
}

// keeper is a Vigil that is about to be killed: it starts a service, says the
// service's pid and waits.
func keeper() {
	s, err := NewServices(map[string]ServiceConfig{"web": asRole("sleeper")}, Options{
		StateDir: os.Getenv("STATE"), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	must(err)
	st, err := s.Start(context.Background(), "web")
	must(err)
	fmt.Println(st.PID)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// asRole configures the test binary as a service.
func asRole(name string, env ...string) ServiceConfig {
	c := ServiceConfig{Start: []string{os.Args[0]}, Env: map[string]string{role: name}}
	c.Stop.Grace = vigil.Duration(2 * time.Second)
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		c.Env[k] = v
	}
	return c
}

// open returns Services over the configurations, all stopped when the test ends.
func open(t *testing.T, dir string, configs map[string]ServiceConfig) *Services {
	t.Helper()
	s, err := NewServices(configs, Options{StateDir: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name := range configs {
			if _, err := s.Stop(context.Background(), name); err != nil {
				t.Errorf("stop %s after the test: %v", name, err)
			}
		}
	})
	return s
}

// eventually fails the test unless ok comes true within ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !poll(10*time.Second, ok) {
		t.Fatalf("never: %s", what)
	}
}

// readPid waits for a process to write its pid to path.
func readPid(t *testing.T, path string) process {
	t.Helper()
	var p process
	eventually(t, "a pid in "+filepath.Base(path), func() bool {
		b, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, ok := parsePid(b)
		if !ok {
			return false
		}
		s, err := look(pid)
		p = s.process
		return err == nil
	})
	return p
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := vigil.CodeOf(err); got != code {
		t.Errorf("code = %q (%v), want %q", got, err, code)
	}
}
