package command

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// supported says whether this system has what a command needs.
const supported = true

// afterKill is how long the output of a killed command is waited for: a
// descendant that left the group may hold the pipe for ever.
const afterKill = 2 * time.Second

// run starts the program in a process group of its own, and returns when the
// group is no more or ctx has ended it.
//
// The kernel's death signal follows the thread that forked, so that thread is
// kept until the command has ended.
func (c *command) run(ctx context.Context, p *program.Program, argv []string, out io.Writer) (vigil.CommandReply, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, p.Path()) //nolint:gosec // it is the program that was opened and checked
	cmd.Args = argv
	cmd.Dir = c.c.Dir
	cmd.Env = make([]string, 0, len(c.c.Env)) // never nil, which would mean Vigil's own
	for k, v := range c.c.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = afterKill
	cmd.Cancel = func() error {
		killGroup(cmd.Process.Pid)
		return cmd.Process.Kill() // it may have moved to another group itself
	}
	if c.c.RootEquivalent { // the interpreter of a script opens it again: the child must inherit it
		cmd.ExtraFiles = []*os.File{p.File()}
		cmd.Path = "/proc/self/fd/3"
	}
	if err := cmd.Start(); err != nil {
		return vigil.CommandReply{Exit: -1}, err
	}
	awaitEnd(cmd.Process.Pid)
	killGroup(cmd.Process.Pid) // what it left behind; its number is ours until it is waited for
	err := cmd.Wait()
	reply := vigil.CommandReply{Exit: -1}
	if cmd.ProcessState == nil {
		return reply, err
	}
	reply.Exit = cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		reply.Signal = ws.Signal().String()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); exited || errors.Is(err, exec.ErrWaitDelay) || ctx.Err() != nil {
		err = nil // the exit code, or the deadline, says it
	}
	return reply, err
}

// killGroup kills the group that leader leads or led. An error says that none is
// left, or none that is ours to kill.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// awaitEnd waits until a child has ended and leaves it to be collected. Until
// then nobody else gets its number, so that its group can be killed safely. What
// became of it is not asked (a null siginfo_t, which Linux allows).
func awaitEnd(pid int) {
	const byPid = 1        // P_PID
	const noWait = 1 << 24 // WNOWAIT
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPid, uintptr(pid), 0, syscall.WEXITED|noWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
