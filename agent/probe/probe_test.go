package probe_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/agent/probe"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestMain lets the test binary play the services that are measured.
func TestMain(m *testing.M) {
	switch os.Getenv("PROBE_TEST_ROLE") {
	case "burner":
		burn()
	case "parent":
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "PROBE_TEST_ROLE=burner")
		child.Stdin, child.Stdout = os.Stdin, os.Stdout
		_ = child.Run()
	default:
		os.Exit(m.Run())
	}
}

// burn uses 200 ms of CPU, says so, and stays until its input ends.
func burn() {
	var use syscall.Rusage
	for use.Utime.Nano()+use.Stime.Nano() < int64(200*time.Millisecond) {
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	}
	_, _ = os.Stdout.WriteString("burnt\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// start runs a role and returns after it burnt its CPU; stop ends it.
func start(t *testing.T, role string) (pid int, burnt func(), stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "PROBE_TEST_ROLE="+role)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	burnt = func() {
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("the %s did not burn: %v", role, err)
		}
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	return cmd.Process.Pid, burnt, stop
}

func find(samples []vigil.Sample, name string, labels ...string) (float64, bool) {
	for _, s := range samples {
		ok := s.Name == name
		for i := 0; i < len(labels); i += 2 {
			ok = ok && s.Labels[labels[i]] == labels[i+1]
		}
		if ok {
			return s.Value, true
		}
	}
	return 0, false
}

func TestMeasure_SeesARealServiceAndItsEnd(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"burner", "parent"} { // the parent's child does the burning
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			pid := 0
			p := probe.New(probe.Options{Host: "h", Services: func() []probe.Service {
				return []probe.Service{{Name: "web", PID: pid}}
			}})
			begin := time.Now()
			p.Measure(begin)
			var burnt, stop func()
			pid, burnt, stop = start(t, role)
			burnt()
			got := p.Measure(begin.Add(time.Second)) // as if a second had passed: 0.2 cores
			if v, ok := find(got, "service_cpu", "service", "web", "host", "h"); !ok || v < 0.15 {
				t.Errorf("service_cpu = %v, %v, want at least 0.15", v, ok)
			}
			if v, _ := find(got, "service_up", "service", "web"); v != 1 {
				t.Errorf("service_up = %v, want 1", v)
			}
			if v, _ := find(got, "service_pid", "service", "web"); v != float64(pid) {
				t.Errorf("service_pid = %v, want %d", v, pid)
			}
			if v, _ := find(got, "service_rss_bytes", "service", "web"); v < 1<<20 {
				t.Errorf("service_rss_bytes = %v, want more than a MiB", v)
			}
			got = p.Measure(begin.Add(2 * time.Second))
			if v, ok := find(got, "service_cpu"); !ok || v > 0.15 {
				t.Errorf("service_cpu of a waiting service = %v, %v, want little", v, ok)
			}
			stop()
			got = p.Measure(begin.Add(3 * time.Second))
			if v, ok := find(got, "service_up"); !ok || v != 0 {
				t.Errorf("service_up after the end = %v, %v, want 0", v, ok)
			}
			if _, ok := find(got, "service_pid"); ok {
				t.Error("service_pid of a dead service, want none")
			}
		})
	}
}

func TestMeasure_GivesNoRateForAnOlderUnknownProcess(t *testing.T) {
	t.Parallel()
	pid, burnt, _ := start(t, "burner")
	burnt()
	p := probe.New(probe.Options{Host: "h", Services: func() []probe.Service {
		return []probe.Service{{Name: "web", PID: pid}}
	}})
	now := time.Now()
	if v, ok := find(p.Measure(now), "service_cpu"); ok {
		t.Errorf("first service_cpu = %v, want none", v)
	}
	if _, ok := find(p.Measure(now.Add(time.Second)), "service_cpu"); !ok {
		t.Error("second service_cpu missing")
	}
}

func TestMeasure_ReadsThisHost(t *testing.T) {
	t.Parallel()
	p := probe.New(probe.Options{Host: "h"})
	now := time.Now()
	p.Measure(now)
	got := p.Measure(now.Add(time.Second))
	for _, name := range []string{"host_memory", "host_disk"} {
		if v, ok := find(got, name); !ok || v <= 0 || v > 1 {
			t.Errorf("%s = %v, %v, want a share", name, v, ok)
		}
	}
	if v, ok := find(got, "host_load1"); !ok || v < 0 {
		t.Errorf("host_load1 = %v, %v", v, ok)
	}
	for _, s := range got {
		if s.Labels["host"] != "h" || !s.Time.Equal(now.Add(time.Second)) || s.Name == "cpu_usage" {
			t.Errorf("sample %+v: want host h, one time, and not the seed's name", s)
		}
	}
}

// writeProc makes a /proc of a few files.
func writeProc(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMeasure_ComputesRatesFromCounters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := probe.New(probe.Options{Host: "h", Proc: dir})
	now := time.Unix(1000, 0)
	writeProc(t, dir, map[string]string{
		"stat":    "cpu  100 0 100 700 100 0 0 0 0 0\n",
		"meminfo": "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n",
		"net/dev": "Inter-| Receive\n face |bytes\n lo: 5 0 0 0 0 0 0 0 5 0\n eth0: 1000 0 0 0 0 0 0 0 500 0\n",
	})
	p.Measure(now)
	writeProc(t, dir, map[string]string{
		"stat":    "cpu  130 0 120 740 110 0 0 0 0 0\n", // 50 of 100 ticks busy
		"net/dev": "eth0: 3000 0 0 0 0 0 0 0 600 0\n",
	})
	got := p.Measure(now.Add(2 * time.Second))
	f := func(name string, want float64) {
		t.Helper()
		if v, ok := find(got, name); !ok || v != want {
			t.Errorf("%s = %v, %v, want %v", name, v, ok, want)
		}
	}
	f("host_cpu", 0.5)
	f("host_memory", 0.75)
	f("host_network_receive_bytes_per_second", 1000)
	f("host_network_transmit_bytes_per_second", 50)
	if _, ok := find(got, "host_network_receive_bytes_per_second", "device", "lo"); ok {
		t.Error("the loopback was measured")
	}
}

func TestMeasure_LeavesOutWhatItCannotRead(t *testing.T) {
	t.Parallel()
	p := probe.New(probe.Options{Host: "h", Proc: t.TempDir(), Services: func() []probe.Service {
		return []probe.Service{{Name: "web", PID: 1}, {Name: "none"}}
	}})
	p.Measure(time.Unix(1000, 0))
	got := p.Measure(time.Unix(1001, 0))
	if len(got) != 2 || got[0].Value != 0 || got[1].Value != 0 {
		t.Errorf("samples = %+v, want two service_up of 0", got)
	}
}

func BenchmarkMeasure(b *testing.B) {
	p := probe.New(probe.Options{Host: "h", Services: func() []probe.Service {
		return []probe.Service{{Name: "self", PID: os.Getpid()}}
	}})
	for b.Loop() {
		p.Measure(time.Now())
	}
}
