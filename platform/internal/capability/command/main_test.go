package command

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// role makes the test binary play one of the programs that the tests run.
const role = "VIGIL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "tell": // its arguments and environment
		fmt.Printf("%q\n", os.Args[1:])
		for _, e := range os.Environ() {
			fmt.Println(e)
		}
	case "exit":
		code, _ := strconv.Atoi(os.Getenv("CODE"))
		fmt.Fprintln(os.Stderr, "to stderr")
		os.Exit(code)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		time.Sleep(time.Minute)
	case "say": // so many bytes
		n, _ := strconv.Atoi(os.Getenv("BYTES"))
		_, _ = os.Stdout.WriteString(strings.Repeat("a", n) + os.Getenv("END"))
	case "flood": // without end
		for {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte("flood\xff\n"), 8192))
		}
	case "family": // leaves a child behind that holds the output, and goes or stays
		family()
	case "stray": // leaves its group for its parent's
		group, _ := syscall.Getpgid(os.Getppid())
		_ = syscall.Setpgid(0, group)
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	case "sleep":
		time.Sleep(time.Minute)
	case "keeper": // a Vigil that is about to be killed
		keeper()
	}
}

// family starts a child in its group, tells the child's pid, and stays if STAY.
func family() {
	c := exec.Command(os.Args[0])
	c.Env = []string{role + "=sleep"}
	c.Stdout = os.Stdout
	if err := c.Start(); err != nil {
		os.Exit(3)
	}
	fmt.Println(c.Process.Pid)
	if os.Getenv("STAY") != "" {
		time.Sleep(time.Minute)
	}
}

// keeper runs a command that tells its pid into the file named by PIDFILE.
func keeper() {
	s, err := New(map[string]Config{"c": asRole("family", "STAY=1")}, Options{Now: time.Now})
	if err != nil {
		os.Exit(3)
	}
	_, _ = s.Run(context.Background(), vigil.CommandRequest{Command: "c"})
}

// asRole configures the test binary as a command.
func asRole(name string, env ...string) Config {
	c := Config{Argv: []string{os.Args[0]}, Env: map[string]string{role: name, "GORACE": "atexit_sleep_ms=0"}}
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		c.Env[k] = v
	}
	return c
}

func open(t *testing.T, c Config, secrets ...string) *Commands {
	t.Helper()
	s, err := New(map[string]Config{"c": c}, Options{Now: time.Now, Secrets: func() []string { return secrets }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *Commands, args map[string]string) (vigil.CommandReply, error) {
	t.Helper()
	return s.Run(t.Context(), vigil.CommandRequest{Command: "c", Args: args})
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := vigil.CodeOf(err); got != code {
		t.Errorf("%s: code = %q (%v), want %q", what, got, err, code)
	}
}

// alive reports whether a process still runs code.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	return f[0] != "Z" && f[0] != "X"
}

// eventually fails the test unless ok comes true within ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// firstPid reads the number in the first line of an output.
func firstPid(t *testing.T, text string) int {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Scan()
	pid, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatalf("output %q begins with no pid", text)
	}
	return pid
}
