//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestMain lets the test binary play another process.
func TestMain(m *testing.M) {
	dir := os.Getenv("SQLITE_TEST_DIR")
	switch os.Getenv("SQLITE_TEST_ROLE") {
	case "lock":
		os.Exit(playLock(dir))
	case "leaky":
		os.Exit(playLeakyLock(dir))
	case "writer":
		os.Exit(playWriter(dir))
	case "small":
		os.Exit(playSmallFiles(dir))
	default:
		goleak.VerifyTestMain(m)
	}
}

// child starts this test binary in a role.
func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "SQLITE_TEST_ROLE="+role, "SQLITE_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// playLock takes the directory's lock and keeps it until its input ends.
func playLock(dir string) int {
	_, err := sqlite.LockDir(dir)
	fmt.Println(vigil.CodeOf(err))
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return 0
}

func TestLockDir_RefusesASecondProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	unlock, err := sqlite.LockDir(dir)
	must(t, err)
	out, err := child(t, "lock", dir).Output()
	must(t, err)
	if got := strings.TrimSpace(string(out)); got != "already_running" {
		t.Errorf("second process = %q, want already_running", got)
	}
	_, err = sqlite.LockDir(dir)
	wantCode(t, err, "already_running")
	if want := strconv.Itoa(os.Getpid()); err == nil || !strings.Contains(err.Error(), "process "+want) {
		t.Errorf("error %q does not name process %s", err, want)
	}
	must(t, unlock())

	// A killed holder leaves nothing behind.
	cmd := child(t, "lock", dir)
	in, err := cmd.StdinPipe()
	must(t, err)
	defer in.Close() // keeps the child waiting
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "\n" {
		t.Fatalf("child = %q, %v; want the lock", line, err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	unlock, err = sqlite.LockDir(dir)
	must(t, err)
	must(t, unlock())
}

// playLeakyLock takes the lock and dies while a child still holds its files, as
// one that was killed between fork and exec does.
func playLeakyLock(dir string) int {
	if _, err := sqlite.LockDir(dir); err != nil {
		return 1
	}
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range open {
		if to, err := os.Readlink(fd); err != nil || to != filepath.Join(dir, "lock") {
			continue
		}
		n, err := strconv.Atoi(filepath.Base(fd))
		if err != nil {
			return 1
		}
		heir := exec.CommandContext(context.Background(), "sleep", "0.2")
		heir.ExtraFiles = []*os.File{os.NewFile(uintptr(n), "lock")}
		if heir.Start() == nil {
			return 0
		}
	}
	return 1
}

func TestLockDir_WaitsForTheFilesOfAProcessThatDied(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("looks for an open file in /proc")
	}
	dir := filepath.Join(t.TempDir(), "data")
	must(t, child(t, "leaky", dir).Run())
	unlock, err := sqlite.LockDir(dir)
	must(t, err)
	must(t, unlock())
}

// playWriter appends rows with rising numbers and prints each number once it
// is durable, until it is killed.
func playWriter(dir string) int {
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "vigil.db"), options())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	from := 0
	_ = db.EachLog(context.Background(), 0, 0, 0, func(flow.LogRow) error { from++; return nil })
	for n := from; ; n++ {
		blob := binary.LittleEndian.AppendUint64(nil, uint64(n))
		blob = append(blob, make([]byte, n%9000)...)
		if err := db.AppendLog(context.Background(), flow.LogGroup{Blob: blob, Samples: 1}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		told := vigil.Notification{Channel: strconv.Itoa(n % 4), Verb: vigil.Trigger, Key: strconv.Itoa(n), At: noon()}
		change := flow.Change{Audit: []vigil.AuditRecord{record("n", strconv.Itoa(n))}, Notices: []vigil.Notification{told}}
		if err := db.Apply(context.Background(), change); err != nil {
			return 1
		}
		fmt.Println(n)
	}
}

func TestKill_LosesNoAcknowledgedRow(t *testing.T) {
	t.Parallel()
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acked := -1
	for round := range rounds {
		cmd := child(t, "writer", dir)
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(stdout)
		for more := 1 + round*37; lines.Scan(); more-- { // every number printed before the kill counts
			acked, err = strconv.Atoi(lines.Text())
			must(t, err)
			if more == 0 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait()
		checkUpTo(t, filepath.Join(dir, "vigil.db"), acked)
	}
}

// checkUpTo opens what a killed writer left and looks for every number it
// acknowledged.
func checkUpTo(t *testing.T, path string, acked int) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, options())
	must(t, err)
	defer closeDB(t, db)
	next := 0
	must(t, db.EachLog(t.Context(), 0, 0, 0, func(r flow.LogRow) error {
		if got := int(binary.LittleEndian.Uint64(r.Blob)); got != next || len(r.Blob) != 8+next%9000 {
			t.Errorf("row %d holds %d in %d bytes", next, got, len(r.Blob))
		}
		next++
		return nil
	}))
	if next <= acked {
		t.Errorf("rows up to %d, but %d was acknowledged", next-1, acked)
	}
	recs, err := db.AuditFor(t.Context(), strconv.Itoa(acked))
	must(t, err)
	if acked >= 0 && len(recs) != 1 {
		t.Errorf("audit records of %d = %+v, want one", acked, recs)
	}
	newest, err := db.Notifications(t.Context(), flow.NotificationFilter{Limit: 1})
	must(t, err)
	last, err := db.Audit(t.Context(), -1, 1)
	must(t, err)
	if len(newest) != len(last) || len(last) == 1 && newest[0].Key != last[0].Object {
		t.Errorf("the newest message is %+v, the newest record %+v: want them of one change", newest, last)
	}
}

// playSmallFiles writes until the kernel refuses to let a file grow, and
// prints what came of it.
func playSmallFiles(dir string) int {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "vigil.db"), options())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	acked := 0
	for range 100 {
		err = db.AppendLog(context.Background(), flow.LogGroup{Blob: make([]byte, 100_000), Samples: 1})
		if err != nil {
			break
		}
		acked++
	}
	again := db.AppendAudit(context.Background(), record("x", "y"))
	fmt.Println(acked, vigil.CodeOf(err), vigil.CodeOf(again), vigil.CodeOf(db.Run(context.Background())))
	return 0
}

func TestWrite_RefusedByTheKernelEndsAllWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := child(t, "small", dir).Output()
	must(t, err)
	var acked int
	var first, again, run string
	if _, err := fmt.Sscan(string(out), &acked, &first, &again, &run); err != nil {
		t.Fatalf("child said %q: %v", out, err)
	}
	if first != "storage_failed" || again != "storage_failed" || run != "storage_failed" {
		t.Errorf("codes = %s %s %s, want storage_failed each time", first, again, run)
	}
	db := open(t, filepath.Join(dir, "vigil.db"))
	n := 0
	must(t, db.EachLog(t.Context(), 0, 0, 0, func(flow.LogRow) error { n++; return nil }))
	if n != acked || n == 0 {
		t.Errorf("rows = %d, want the %d acknowledged", n, acked)
	}
}
