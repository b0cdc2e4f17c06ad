package capability

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRestart_ReplacesTheProcess(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper")})
	first, err := s.Start(t.Context(), "web")
	if err != nil || !first.Up || first.PID == 0 {
		t.Fatalf("Start = %+v, %v, want up with a pid", first, err)
	}
	if again, err := s.Start(t.Context(), "web"); err != nil || again.PID != first.PID {
		t.Errorf("second Start = %+v, %v, want the same process", again, err)
	}
	second, err := s.Restart(t.Context(), "web")
	if err != nil || !second.Up || second.PID == first.PID || second.PIDBefore != first.PID {
		t.Fatalf("Restart = %+v, %v, want another pid than %d", second, err, first.PID)
	}
	if _, err := look(first.PID); err == nil {
		t.Errorf("process %d is still there, not even reaped", first.PID)
	}
	if age := time.Since(second.Since); age < -2*time.Second || age > time.Minute {
		t.Errorf("since %s, want about now", second.Since)
	}
	down, err := s.Stop(t.Context(), "web")
	if err != nil || down.Up {
		t.Errorf("Stop = %+v, %v, want down", down, err)
	}
	if _, err := s.Stop(t.Context(), "web"); err != nil {
		t.Errorf("Stop of a stopped service: %v", err)
	}
}

func TestStop_KillsAfterTheGraceAndLeavesNothingOfTheGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pidfile := filepath.Join(dir, "child")
	c := asRole("sleeper", "STUBBORN=1", "CHILD="+pidfile)
	c.Stop.Grace = vigil.Duration(100 * time.Millisecond)
	s := open(t, dir, map[string]ServiceConfig{"web": c})
	if _, err := s.Start(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	child := readPid(t, pidfile)
	begun := time.Now()
	if _, err := s.Stop(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 100*time.Millisecond || took > 4*time.Second {
		t.Errorf("stop took %s, want the grace and little more", took)
	}
	if alive(child) {
		t.Errorf("process %d of the group outlived the stop", child.PID)
	}
}

func TestRun_EndsTheGroupOfACrashedServiceAndReapsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pidfile := filepath.Join(dir, "child")
	s := open(t, dir, map[string]ServiceConfig{"web": asRole("sleeper", "CHILD="+pidfile)})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	st, err := s.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	child := readPid(t, pidfile)
	_ = syscall.Kill(st.PID, syscall.SIGKILL)
	eventually(t, "the crash shows", func() bool { st, err := s.Status("web"); return err == nil && !st.Up })
	eventually(t, "the rest of the group ends", func() bool { return !alive(child) })
	eventually(t, "the dead process is reaped", func() bool { _, err := look(st.PID); return err != nil })
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestStart_TellsWhenTheProcessEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fails := ServiceConfig{Start: []string{"/bin/sh", "-c", "echo no such flag; exit 1"}} // a Go program with the race detector is not quick enough
	s := open(t, dir, map[string]ServiceConfig{"web": fails})
	st, err := s.Start(t.Context(), "web")
	wantCode(t, err, "start_failed")
	if st.Up {
		t.Errorf("status = %+v, want down", st)
	}
	out, err := os.ReadFile(filepath.Join(dir, "web.log"))
	if err != nil || !strings.Contains(string(out), "no such flag") {
		t.Errorf("log = %q, %v, want what the process printed", out, err)
	}
}

func TestStart_HandsOverTheConfiguredEnvironmentOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "environ")
	s := open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper", "ENVIRON="+path)})
	if _, err := s.Start(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	var got []string
	eventually(t, "the environment is told", func() bool {
		b, err := os.ReadFile(path)
		got = strings.Split(string(b), "\n")
		return err == nil && len(b) > 0
	})
	got = slices.DeleteFunc(got, func(e string) bool { return strings.HasPrefix(e, markName) })
	slices.Sort(got)
	if diff := cmp.Diff([]string{"ENVIRON=" + path, role + "=sleeper"}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestRestart_OnceBegunIsFinishedWithoutItsCaller(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	c := asRole("sleeper", "STUBBORN=1", "READY="+ready)
	c.Stop.Grace = vigil.Duration(300 * time.Millisecond)
	s := open(t, dir, map[string]ServiceConfig{"web": c})
	first, err := s.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	readPid(t, ready)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	st, err := s.Restart(ctx, "web")
	if err != nil || !st.Up || st.PID == first.PID || ctx.Err() == nil {
		t.Errorf("Restart = %+v, %v, want a new process although the caller left", st, err)
	}
	_, err = s.Restart(ctx, "web")
	wantCode(t, err, "cancelled")
}

func TestNewServices_TakesBackWhatAKilledVigilLeftRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vigilProcess := exec.Command(os.Args[0])
	vigilProcess.Env = []string{role + "=keeper", "STATE=" + dir}
	vigilProcess.Stderr = os.Stderr
	out, err := vigilProcess.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := vigilProcess.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := vigilProcess.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, ok := parsePid(line)
	_ = vigilProcess.Process.Kill()
	_ = vigilProcess.Wait()
	if !ok {
		t.Fatalf("keeper said %q, want a pid", line)
	}
	s := open(t, dir, map[string]ServiceConfig{"web": asRole("sleeper")})
	st, err := s.Status("web")
	if err != nil || !st.Up || st.PID != pid {
		t.Fatalf("Status = %+v, %v, want process %d readopted", st, err, pid)
	}
	after, err := s.Restart(t.Context(), "web")
	if err != nil || after.PIDBefore != pid || after.PID == pid {
		t.Errorf("Restart = %+v, %v, want process %d replaced", after, err, pid)
	}
	if st, err := look(pid); err == nil && !st.ended() {
		t.Errorf("process %d outlived its restart", pid)
	}
}

func TestNewServices_FindsAChildWhoseRecordWasNotCompleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir, map[string]ServiceConfig{"web": asRole("sleeper")})
	st, err := first.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "web.json")
	r, err := loadRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Process = process{}
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir, map[string]ServiceConfig{"web": asRole("sleeper")})
	if got, err := second.Status("web"); err != nil || got.PID != st.PID {
		t.Errorf("Status = %+v, %v, want process %d found by its mark", got, err, st.PID)
	}
}

func TestNewServices_NeverTakesAReusedPidForItsOwn(t *testing.T) {
	t.Parallel()
	other := open(t, t.TempDir(), map[string]ServiceConfig{"other": asRole("sleeper")})
	st, err := other.Start(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := look(st.PID)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, change func(*record)) {
		t.Helper()
		dir := t.TempDir()
		boot, err := bootID()
		if err != nil {
			t.Fatal(err)
		}
		r := record{Mark: "svc-0", Boot: boot, Process: stranger.process}
		change(&r)
		if err := r.save(filepath.Join(dir, "web.json")); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, map[string]ServiceConfig{"web": asRole("sleeper")})
		if got, err := s.Status("web"); err != nil || got.Up {
			t.Errorf("%s: Status = %+v, %v, want down", name, got, err)
		}
		if _, err := s.Stop(t.Context(), "web"); err != nil {
			t.Errorf("%s: Stop: %v", name, err)
		}
		if !alive(stranger.process) {
			t.Fatalf("%s: a stranger was killed", name)
		}
	}
	f("same pid, other start", func(r *record) { r.Process.Start-- })
	f("other boot", func(r *record) { r.Boot = "earlier" })
}

func TestNewServices_RefusesARecordItCannotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewServices(map[string]ServiceConfig{"web": asRole("sleeper")}, Options{StateDir: dir, Log: slog.New(slog.DiscardHandler)})
	wantCode(t, err, "state_corrupt")
}

func TestRun_EphemeralServicesLiveAndDieWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := filepath.Join(dir, "url")
	c := asRole("sleeper", "READY="+url) // a pid stands for the address
	c.Ephemeral, c.URLFile = true, url
	s := open(t, dir, map[string]ServiceConfig{"web": c})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	var st vigil.ServiceStatus
	eventually(t, "the service is up", func() bool { st, _ = s.Status("web"); return st.Up && st.URL != "" })
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v", err)
	}
	if after, err := s.Status("web"); err != nil || after.Up {
		t.Errorf("after Run: %+v, %v, want down", after, err)
	}
	_, err := s.Start(t.Context(), "web")
	wantCode(t, err, "shutting_down")
}
