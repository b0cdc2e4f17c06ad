package capability

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supported says whether this system has what the driver command needs.
const supported = true

// tick is the unit of a process's start time: USER_HZ, 100 a second on every
// Linux that Go runs on.
const tick = 10 * time.Millisecond

// signalNamed knows the signals that a configuration may name.
func signalNamed(name string) (syscall.Signal, bool) {
	switch strings.TrimPrefix(name, "SIG") {
	case "TERM":
		return syscall.SIGTERM, true
	case "INT":
		return syscall.SIGINT, true
	case "QUIT":
		return syscall.SIGQUIT, true
	case "HUP":
		return syscall.SIGHUP, true
	case "USR1":
		return syscall.SIGUSR1, true
	case "USR2":
		return syscall.SIGUSR2, true
	case "WINCH":
		return syscall.SIGWINCH, true
	case "KILL":
		return syscall.SIGKILL, true
	}
	return 0, false
}

// look reads the status of whatever has this pid now.
func look(pid int) (stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	return parseStat(b)
}

// alive reports whether exactly this process still runs.
func alive(p process) bool {
	if p.none() {
		return false
	}
	s, err := look(p.PID)
	return err == nil && s.process == p && !s.ended()
}

// reap collects p if it is a dead child of this process, and reports whether
// nothing is left to collect: it is gone, or dead and another's child. Children
// are reaped one by one, never with wait(-1), which would steal the children of
// others in this process.
func reap(p process) bool {
	s, err := look(p.PID)
	if err != nil || s.process != p {
		return true
	}
	if !s.ended() || s.Parent != os.Getpid() {
		return s.ended()
	}
	var ws syscall.WaitStatus
	got, err := syscall.Wait4(p.PID, &ws, syscall.WNOHANG, nil)
	return err != nil || got == p.PID
}

// signal sends sig to exactly this process. The handle is taken first (a pidfd
// where the kernel has them) and the identity checked after, so that a pid
// reused in between is not hit. A process already gone is no error.
func signal(p process, sig syscall.Signal) error {
	if p.PID <= 1 || p.PID == os.Getpid() {
		return fmt.Errorf("signal process %d: it is never Vigil's to signal", p.PID)
	}
	h, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("find process %d: %w", p.PID, err)
	}
	defer func() { _ = h.Release() }()
	if !alive(p) {
		return nil
	}
	if err := h.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// members lists the living processes of the group and session that leader
// leads or led. A leader's pid is not given out again while its group has
// members; if it was given out, the group is gone and the answer is empty.
func members(leader process) []process {
	names, err := readNames("/proc")
	if err != nil || leader.PID <= 1 {
		return nil
	}
	var out []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		s, err := look(pid)
		if err != nil || s.Group != leader.PID || s.Session != leader.PID {
			continue
		}
		if s.PID == leader.PID && s.process != leader {
			return nil
		}
		if !s.ended() && s.Start >= leader.Start {
			out = append(out, s.process)
		}
	}
	return out
}

// killGroup kills what is left of the group that leader leads or led, and
// reports whether anything was.
func killGroup(leader process) bool {
	left := members(leader)
	if len(left) == 0 || leader.PID == os.Getpid() {
		return false
	}
	_ = syscall.Kill(-leader.PID, syscall.SIGKILL) // what could not be killed is seen by the caller's wait
	return true
}

// spawn starts argv in a session of its own, with out as its output and only
// env as its environment. Output goes to a file, never to a pipe: a pipe would
// end with Vigil, and would keep a wait for the child open as long as any
// grandchild holds it.
func spawn(c ServiceConfig, env []string, out *os.File) (process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return process{}, fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	h, err := os.StartProcess(c.Start[0], c.Start, &os.ProcAttr{
		Dir:   c.Dir,
		Env:   env,
		Files: []*os.File{null, out, out},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return process{}, fmt.Errorf("start %s: %w", c.Start[0], err)
	}
	pid := h.Pid
	_ = h.Release()     // reap collects it; its pid is ours until then
	s, err := look(pid) // there for sure: a dead child stays until it is reaped
	if err != nil {
		return process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return s.process, nil
}

// bootID changes with every boot, and with it what a start time means.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// startedAt is when p started by the wall clock, a second exact; zero if that
// cannot be told.
func startedAt(p process) time.Time {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return time.Time{}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return time.Time{}
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("btime ")); ok {
			sec, err := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
			if err != nil {
				return time.Time{}
			}
			return time.Unix(sec, 0).Add(time.Duration(p.Start) * tick)
		}
	}
	return time.Time{}
}

// runs reports whether p executes the file at path. False if it may not be
// known.
func runs(p process, path string) bool {
	want, err := os.Stat(path)
	if err != nil {
		return false
	}
	got, err := os.Stat("/proc/" + strconv.Itoa(p.PID) + "/exe")
	return err == nil && os.SameFile(want, got) && alive(p)
}

// owner returns the user that p runs as.
func owner(p process) (uint32, bool) {
	fi, err := os.Stat("/proc/" + strconv.Itoa(p.PID))
	if err != nil {
		return 0, false
	}
	return ownerOf(fi)
}

func ownerOf(fi os.FileInfo) (uint32, bool) {
	s, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Uid, true
}

// findMarked returns the session leader whose environment holds mark.
func findMarked(mark string) process {
	names, err := readNames("/proc")
	if err != nil {
		return process{}
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		s, err := look(pid)
		if err != nil || s.Session != pid || s.ended() {
			continue
		}
		env, err := os.ReadFile(filepath.Join("/proc", name, "environ"))
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), mark) {
			return s.process
		}
	}
	return process{}
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// openPidfile opens without following a link and without waiting for the other
// end of a pipe.
func openPidfile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
