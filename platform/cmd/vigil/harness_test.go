package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/techmedaddy/vigil/platform/internal/module/builtin"
	"github.com/techmedaddy/vigil/sdk/client"
)

// TestMain makes this test binary answer to vigil too: every process that the
// tests start is the code under test, with its race detector.
func TestMain(m *testing.M) {
	if mods, err := builtin.Modules(); err != nil || len(mods) == 0 {
		fmt.Fprintln(os.Stderr, "FAIL: no guest modules are built; run ./scripts/build first")
		os.Exit(1)
	}
	testscript.Main(m, map[string]func(){"vigil": main, "vigil-on-a-bad-disk": onABadDisk, "vigil-on-a-small-disk": onASmallDisk})
}

// process is a vigil that runs beside the test.
type process struct {
	cmd       *exec.Cmd
	Collector string // URLs, as it printed them
	Hands     string
	Ready     time.Duration // from exec to its first answer on /readyz
	exited    chan struct{}
	err       error

	mu     sync.Mutex
	output strings.Builder // guarded by mu
}

var printed = regexp.MustCompile(`(collector|remediator) .*?(http://\S+?)[,\s]`)

// launch starts a daemon and returns once it says where it is and is ready.
func launch(ctx context.Context, bin string, env []string, args ...string) (*process, error) {
	return launchIn(ctx, &syscall.SysProcAttr{}, bin, env, args...)
}

func launchIn(ctx context.Context, attr *syscall.SysProcAttr, bin string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...), exited: make(chan struct{})}
	p.cmd.Env = env
	attr.Pdeathsig = syscall.SIGKILL
	p.cmd.SysProcAttr = attr
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1024)
	go p.listen(r, lines)
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
		close(p.exited)
	}()
	if err := p.until(ctx, lines); err != nil {
		p.kill()
		return nil, fmt.Errorf("%w\n%s", err, p.Output())
	}
	p.Ready = time.Since(begin)
	return p, nil
}

func (p *process) listen(r io.Reader, lines chan<- string) {
	for sc := bufio.NewScanner(r); sc.Scan(); {
		p.mu.Lock()
		fmt.Fprintln(&p.output, sc.Text())
		p.mu.Unlock()
		select {
		case lines <- sc.Text():
		default:
		}
	}
}

// until waits until the URLs are printed and the collector's answers.
func (p *process) until(ctx context.Context, lines <-chan string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	want := 1
	switch p.cmd.Args[1] {
	case "up":
		want = 2
	case "remediator":
		want = 1
	}
	for found := 0; found < want; {
		select {
		case line := <-lines:
			for _, m := range printed.FindAllStringSubmatch(line+" ", -1) {
				found++
				if m[1] == "collector" {
					p.Collector = m[2]
				} else {
					p.Hands = m[2]
				}
			}
		case <-p.exited:
			return fmt.Errorf("%s ended at once: %w", p.cmd.Args[1], p.err)
		case <-ctx.Done():
			return fmt.Errorf("%s did not say where it is", p.cmd.Args[1])
		}
	}
	base := p.Collector
	if base == "" {
		base = p.Hands
	}
	return ready(ctx, base)
}

// ready waits for /readyz; the context bounds it.
func ready(ctx context.Context, base string) error {
	api, err := client.New(base, client.Options{})
	if err != nil {
		return err
	}
	defer api.Close()
	for {
		if err = api.Ready(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", base, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Output is what the process printed so far.
func (p *process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// kill ends the process as a power cut would, and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end, as a person would with Ctrl-C.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		p.kill()
		return errors.New("did not stop within 10s")
	}
	if p.err != nil {
		return fmt.Errorf("stop: %w\n%s", p.err, p.Output())
	}
	return nil
}

// vigilBinary is the binary that the test's processes run.
func vigilBinary(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("vigil")
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// up runs vigil up on free ports with its state in dir, until the test ends.
func up(tb testing.TB, dir string, args ...string) *process {
	tb.Helper()
	return daemonIn(tb, dir, append([]string{"up", "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0"}, args...)...)
}

// daemonIn runs a daemon with its state in dir, until the test ends.
func daemonIn(tb testing.TB, dir string, args ...string) *process {
	tb.Helper()
	args = append(args, "--data", filepath.Join(dir, "data"))
	p, err := launch(context.Background(), vigilBinary(tb), environ(dir), args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		select {
		case <-p.exited: // killed or stopped by the test
		default:
			if err := p.stop(); err != nil {
				tb.Error(err)
			}
		}
		if tb.Failed() {
			tb.Logf("vigil printed:\n%s", p.Output())
		}
	})
	return p
}

// environ is a person's environment whose home is dir. Compiled modules and
// Go's caches are shared between tests, as a person's starts share them.
func environ(dir string) []string {
	cache, _ := cacheDir() // "" lets vigil complain
	env := []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "VIGIL_CACHE=" + cache, "TMPDIR=" + os.TempDir()}
	for _, name := range []string{"GOFLAGS", "GOPROXY", "GOCOVERDIR"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return append(env, goCaches()...)
}

// goCaches are the settings by which a go command in another home finds what
// is already built.
var goCaches = sync.OnceValue(func() []string {
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	cache, mods, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || !ok {
		return nil // no go command, nothing to share
	}
	return []string{"GOCACHE=" + cache, "GOMODCACHE=" + mods}
})

// api is a client of a process's collector.
func (p *process) api(tb testing.TB) *client.Client {
	tb.Helper()
	c, err := client.New(p.Collector, client.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// freeAddr is a loopback address that nobody listens on now.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// write puts a file into dir and returns its path.
func write(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// parentOf reads a living process's parent; -1 if it does not run.
func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if err != nil || len(f) < 2 || string(f[0]) == "Z" {
		return -1
	}
	parent, err := strconv.Atoi(string(f[1]))
	if err != nil {
		return -1
	}
	return parent
}

// processesOf are the living processes that name dir on their command line, as
// daemons and their services do.
func processesOf(dir string) map[int]string {
	found := map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && bytes.Contains(line, []byte(dir)) && parentOf(pid) >= 0 {
			found[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
	}
	return found
}

// bury ends what is still there after a test: a supervised service outlives its
// Vigil. It is called before the daemons are started, so that it comes last.
func bury(tb testing.TB, dir string) {
	tb.Helper()
	tb.Cleanup(func() {
		for pid := range processesOf(dir) {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // a service leads its group
		}
	})
}

// lockedBuffer collects a process's output while others read it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf strings.Builder // guarded by mu
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
