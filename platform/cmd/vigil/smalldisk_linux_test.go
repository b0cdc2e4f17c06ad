package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// onASmallDisk is vigil with a small disk of its own, which nobody else sees, at
// VIGIL_TEST_DISK.
func onASmallDisk() {
	if err := unix.Mount("small", os.Getenv("VIGIL_TEST_DISK"), "tmpfs", 0, "size=80m"); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		os.Exit(1)
	}
	main()
}

// smallDisk starts a Vigil on one, and returns where the test finds its data.
func smallDisk(t *testing.T) (p *process, data string) {
	t.Helper()
	bin, err := exec.LookPath("vigil-on-a-small-disk")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	conf := write(t, dir, "vigil.yaml", "storage: {ballast: 32MiB}\nservices: {}\n")
	own := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	p, err = launchIn(context.Background(), own, bin, append(environ(dir), "VIGIL_TEST_DISK="+disk), "up", "--no-agent", "--no-demo", "--config", conf,
		"--data", filepath.Join(disk, "data"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || err != nil && strings.Contains(err.Error(), "mount: ") {
		t.Skipf("this machine lets no user mount a disk of his own: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p, filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), "root", disk, "data")
}

// fillDisk writes a file until there is no space left.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if closed := f.Close(); closed != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err, closed)
	}
}

// On a disk that is really full samples are refused, and people still hold Vigil
// back, change policies and read the audit log, in the space that was kept. With
// space again samples are taken, and as much is kept as before.
func TestDisk_FullStillObeysPeople(t *testing.T) {
	t.Parallel()
	p, data := smallDisk(t)
	d := &diskTest{process: p}
	ballast := filepath.Join(data, "default", "vigil.ballast")
	size := func() int64 {
		fi, err := os.Stat(ballast)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	if n := size(); n != 32<<20 {
		t.Fatalf("ballast = %d bytes", n)
	}
	fillDisk(t, filepath.Join(data, "filler"))
	sample := func(i int) (int, string) {
		return d.post("/ingest", fmt.Sprintf(`{"name":"seq","value":%d,"labels":{"filler":"%s"}}`, i, strings.Repeat("x", 900)))
	}
	acked, status, answer := 0, 0, ""
	for status, answer = sample(0); status/100 == 2 && acked < 20_000; status, answer = sample(acked) {
		acked++ // the log had some space left
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "storage_full") {
		t.Fatalf("after %d samples: %d %s", acked, status, answer)
	}
	api := p.api(t)
	for i := range 50 {
		if _, _, err := api.ApplyPolicy(t.Context(), "count-high", "application/yaml", []byte(countPolicy)); err != nil {
			t.Fatalf("policy %d on a full disk: %v", i, err)
		}
		if err := api.DeletePolicy(t.Context(), "count-high"); err != nil {
			t.Fatalf("delete %d on a full disk: %v", i, err)
		}
	}
	if _, err := api.Pause(t.Context(), client.PauseWish{Reason: "the disk is full", For: vigil.Duration(time.Hour)}); err != nil {
		t.Errorf("pause on a full disk: %v", err)
	}
	if status, answer := sample(acked); status != http.StatusServiceUnavailable || !strings.Contains(answer, "storage_full") || size() != 0 {
		t.Errorf("a sample meanwhile: %d %s; ballast = %d bytes", status, answer, size())
	}
	if err := os.Remove(filepath.Join(data, "filler")); err != nil {
		t.Fatal(err)
	}
	until(t, 20*time.Second, "samples are taken again", func() bool { status, _ := sample(acked); return status/100 == 2 })
	if n := size(); n != 32<<20 {
		t.Errorf("with space again: ballast = %d bytes", n)
	}
	t.Logf("%d samples of 1 kB were taken before the disk was full", acked)
}
