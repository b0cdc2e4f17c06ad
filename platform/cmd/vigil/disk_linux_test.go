package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	lib "modernc.org/sqlite/lib"

	"github.com/techmedaddy/vigil/platform/internal/sqlite/faultdisk"
)

// onABadDisk is vigil with a disk below all its databases that SIGUSR1 makes
// fail, in the way that VIGIL_TEST_FAULT names, and SIGUSR2 heals.
func onABadDisk() {
	f, err := faultdisk.NewFaults("bad-disk", true)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for sig := range signals {
			if sig == syscall.SIGUSR2 {
				f.Heal()
				fmt.Fprintln(os.Stderr, "the disk is good")
				continue
			}
			switch os.Getenv("VIGIL_TEST_FAULT") {
			case "sync":
				f.SyncIn.Store(1)
			case "write":
				f.RC.Store(lib.SQLITE_IOERR_WRITE)
				f.WriteIn.Store(1)
			case "full":
				f.WriteRC.Store(lib.SQLITE_FULL)
			}
			fmt.Fprintln(os.Stderr, "the disk is bad")
		}
	}()
	main()
}

// diskTest is a Vigil on a disk that can fail, with a policy that any sample
// of count_high fires.
type diskTest struct {
	*process
	dir, conf, starts string
}

func onDisk(t *testing.T, command, fault string) *diskTest {
	t.Helper()
	bin, err := exec.LookPath(command)
	if err != nil {
		t.Fatal(err)
	}
	d := &diskTest{dir: t.TempDir()}
	bury(t, d.dir)
	d.starts = filepath.Join(d.dir, "starts")
	d.conf = write(t, d.dir, "vigil.yaml", fmt.Sprintf("services:\n  counted: {driver: command, start: [/bin/sh, -c, \"echo x >>%s; while :; do sleep 1; done\"]}\n", d.starts))
	d.process, err = launch(context.Background(), bin, append(environ(d.dir), "VIGIL_TEST_FAULT="+fault), "up", "--no-agent", "--config", d.conf,
		"--data", filepath.Join(d.dir, "data"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	if _, _, err := d.api(t).ApplyPolicy(t.Context(), "count-high", "application/yaml", []byte(countPolicy)); err != nil {
		t.Fatal(err)
	}
	return d
}

// tell sends a signal and waits until the disk heeds it.
func (d *diskTest) tell(t *testing.T, sig syscall.Signal, says string) {
	t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, says, func() bool { return strings.Contains(d.Output(), says) })
}

// post sends one sample and returns the status and the body, 0 when nobody
// answers.
func (d *diskTest) post(path, body string) (status int, answer string) {
	resp, err := http.Post(d.Collector+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body) // cut short: the process ended
	return resp.StatusCode, string(b)
}

// The disk refuses a sync, a write, or to let a file grow: the sample is
// refused with 503 storage_failed, nothing is accepted afterwards, no action
// starts, and Vigil ends with a status within five seconds. What it had
// acknowledged is there when it starts again.
func TestDisk_RefusingOnceEndsVigil(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"sync", "write", "file-size"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			d := onDisk(t, "vigil-on-a-bad-disk", fault)
			for i := range 20 {
				if status, answer := d.post("/ingest", fmt.Sprintf(`{"name":"seq","value":%d}`, i)); status/100 != 2 {
					t.Fatalf("sample %d: %d %s", i, status, answer)
				}
			}
			if fault == "file-size" {
				if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 16 << 10, Max: 16 << 10}, nil); err != nil {
					t.Fatal(err)
				}
			} else {
				d.tell(t, syscall.SIGUSR1, "the disk is bad")
			}
			failed := time.Now()
			status, answer := d.post("/ingest", `{"name":"count_high","value":0.9,"labels":{"service":"counted"}}`)
			if status != http.StatusServiceUnavailable || !strings.Contains(answer, "storage_failed") {
				t.Errorf("the first refused sample was answered %d %s", status, answer)
			}
			for status != 0 {
				if status, answer = d.post("/ingest", `{"name":"count_high","value":0.9,"labels":{"service":"counted"}}`); status/100 == 2 {
					t.Errorf("a sample was accepted afterwards: %s", answer)
				}
			}
			select {
			case <-d.exited:
			case <-time.After(20 * time.Second):
				t.Fatal("it did not end")
			}
			if took := time.Since(failed); took > 5*time.Second || d.cmd.ProcessState.ExitCode() <= 0 {
				t.Errorf("it ended after %s with %v, want a status within 5s", took, d.err)
			}
			if n := started(d.starts); n > 0 {
				t.Errorf("an action started the service %d times", n)
			}
			t.Logf("ended after %s", time.Since(failed).Round(time.Millisecond))
			rows := query(t, vigilBinary(t), d.dir, `SELECT count(DISTINCT value) AS n FROM metrics WHERE name = 'seq'`)
			if n := rows[0]["n"].(float64); n != 20 {
				t.Errorf("%v of 20 acknowledged samples are there", n)
			}
			daemonIn(t, d.dir, "up", "--no-agent", "--config", d.conf, "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
		})
	}
}

// A full disk refuses samples with 503 storage_full and starts nothing; Vigil
// goes on, can be paused, and takes samples again when there is space.
func TestDisk_BeingFullIsNotTheEnd(t *testing.T) {
	t.Parallel()
	d := onDisk(t, "vigil-on-a-bad-disk", "full")
	d.tell(t, syscall.SIGUSR1, "the disk is bad")
	for range 3 {
		status, answer := d.post("/ingest", `{"name":"count_high","value":0.9,"labels":{"service":"counted"}}`)
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "storage_full") {
			t.Errorf("a sample on a full disk was answered %d %s", status, answer)
		}
	}
	if n := started(d.starts); n > 0 {
		t.Errorf("an action started the service %d times", n)
	}
	d.tell(t, syscall.SIGUSR2, "the disk is good")
	until(t, 20*time.Second, "samples are taken again", func() bool {
		status, _ := d.post("/ingest", `{"name":"count_high","value":0.9,"labels":{"service":"counted"}}`)
		return status/100 == 2
	})
	until(t, 30*time.Second, "the action starts", func() bool { return started(d.starts) == 1 })
}

// Without a descriptor to spare Vigil takes no new connection, serves those it
// has, and serves others again once it has some.
func TestDescriptors_RunningOutIsNotTheEnd(t *testing.T) {
	t.Parallel()
	d := onDisk(t, "vigil", "")
	if status, answer := d.post("/ingest", `{"name":"seq","value":1}`); status/100 != 2 {
		t.Fatalf("%d %s", status, answer)
	}
	var before unix.Rlimit
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 8, Max: before.Max}, nil); err != nil {
		t.Fatal(err)
	}
	if status, answer := d.post("/ingest", `{"name":"seq","value":2}`); status/100 != 2 {
		t.Errorf("on a connection that was there: %d %s", status, answer)
	}
	stranger := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
	if resp, err := stranger.Get(d.Collector + "/readyz"); err == nil {
		resp.Body.Close()
		t.Error("a new connection was served without a descriptor for it")
	}
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	until(t, 30*time.Second, "new connections are served", func() bool {
		resp, err := stranger.Get(d.Collector + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	select {
	case <-d.exited:
		t.Errorf("it ended: %v\n%s", d.err, d.Output())
	default:
	}
}
