package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Compiler says how modules that nobody trusts yet are compiled. A compiler
// takes the square of what it is given, cannot be interrupted and allocates as
// it likes, so that an upload gets a process of its own, with limits that the
// kernel keeps.
type Compiler struct {
	Command []string      // program and first arguments of a process that calls CompileApart; nil compiles uploads in this process
	Time    time.Duration // of a processor for a small module, and half of it more for each 2 MiB of code; 0 means 2s
	Memory  int64         // bytes; 0 means 1 GiB
}

const (
	compileTime   = 2 * time.Second
	compileMemory = 1 << 30
	maxCode       = 8 * vigil.MaxModuleSize // metered code is about half as long again as what was uploaded
	maxComplaint  = 4 << 10                 // bytes of what a child says of its failure
)

// allowance is how long code may take to compile.
func (c Compiler) allowance(code []byte) time.Duration {
	limit := c.Time + c.Time*time.Duration(len(code))/(4<<20)
	return max(limit.Round(time.Second), time.Second)
}

// compileApart compiles code in a process of its own. What it gives is an entry
// of the cache on disk, where this process then finds it. The runtime writes an
// entry under another name, syncs it and renames it, so that a child that was
// killed has left either the whole entry or a file that nobody reads.
func (e *Engine) compileApart(ctx context.Context, code []byte) error {
	select { // one at a time: uploads wait, not the collector
	case e.apart <- struct{}{}:
		defer func() { <-e.apart }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the compiler: %w", ctx.Err())
	}
	limit := e.o.Compiler.allowance(code)
	patience := 10*time.Second + 10*limit // of a machine that has other things to do
	limited, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	child := &child{limit: limit, memory: e.o.Compiler.Memory, size: len(code)}
	err := child.run(limited, e.o.Compiler.Command, e.o.CacheDir, code)
	if ctx.Err() != nil {
		return fmt.Errorf("compile module: %w", ctx.Err())
	}
	return err
}

var errPatience = errors.New("patience is over")

// child is one run of the compiler.
type child struct {
	limit  time.Duration // of a processor
	memory int64
	size   int // of the code
	said   head
}

func (c *child) run(ctx context.Context, command []string, cache string, code []byte) error {
	args := append(command[1:len(command):len(command)], cache, strconv.Itoa(int(c.limit/time.Second)), strconv.FormatInt(c.memory, 10))
	cmd := exec.CommandContext(ctx, command[0], args...) //nolint:gosec // the process's owner names the command
	cmd.Env = []string{}                                 // nothing of ours is its business
	cmd.Stdin, cmd.Stderr = bytes.NewReader(code), &c.said
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	runtime.LockOSThread() // the kernel kills the child when the thread that began it ends
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return vigil.Errorf(vigil.Internal, "compiler_unavailable", "start the compiler: %s", err)
	}
	behind(cmd.Process.Pid)
	return c.verdict(ctx, cmd.Wait(), cmd.ProcessState)
}

// verdict says what the end of a child means for the module.
func (c *child) verdict(ctx context.Context, err error, end *os.ProcessState) error {
	said := firstLine(errors.New(string(c.said.text)))
	used, status := end.UserTime()+end.SystemTime(), end.Sys().(syscall.WaitStatus) //nolint:forcetypeassert // documented for this system
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errPatience), status.Signaled() && used > c.limit-c.limit/8:
		return c.refuse("module_compile_timeout", "module takes longer than %s to compile", c.limit).With("limit", c.limit.String()).
			Hinted("compiling takes the square of a function's branches: split the largest functions")
	case end.ExitCode() == exitInvalid:
		return c.refuse("module_invalid", "module does not compile: %s", said)
	case end.ExitCode() == exitUnable:
		return vigil.Errorf(vigil.Internal, "compiler_unavailable", "compile module: %s", said)
	case c.starved(end):
		return c.refuse("module_compile_memory", "module takes more than %d MiB to compile", c.memory>>20).With("limit", c.memory)
	}
	return c.refuse("module_compile_failed", "module makes the compiler crash: %s", said)
}

// starved reports whether a child crashed for want of memory: the system killed
// it, its runtime said so, or it had most of what it may have. A runtime that is
// given no memory falls over where it stands, and says what it can.
func (c *child) starved(end *os.ProcessState) bool {
	status, use := end.Sys().(syscall.WaitStatus), end.SysUsage().(*syscall.Rusage) //nolint:forcetypeassert // as above
	return status.Signaled() && status.Signal() == syscall.SIGKILL ||
		bytes.Contains(c.said.text, []byte("out of memory")) || bytes.Contains(c.said.text, []byte("cannot allocate memory")) ||
		use.Maxrss<<10 > c.memory/2 && !bytes.HasPrefix(c.said.text, []byte("panic:"))
}

func (c *child) refuse(code, format string, args ...any) *vigil.Error {
	return binary.Refuse(code, "code", c.size, format, args...)
}

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

var _ io.Writer = (*head)(nil)

func (h *head) Write(b []byte) (int, error) {
	h.text = append(h.text, b[:min(len(b), maxComplaint-len(h.text))]...)
	return len(b), nil
}
