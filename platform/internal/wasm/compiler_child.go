package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The exit codes of a compiling child. Go itself ends with 2 when it crashes.
const (
	exitInvalid = 65 // the code does not compile
	exitUnable  = 70 // the child could not do its work
)

// CompileApart is the work of a child process: it takes limits upon itself,
// reads metered code from in, compiles it into the cache and returns the exit
// code. The arguments are those that the engine adds to Compiler.Command: the
// directory of the cache, seconds of a processor, bytes of memory.
func CompileApart(ctx context.Context, args []string, in io.Reader, complaints io.Writer) int {
	err := compileConfined(ctx, args, in)
	if err == nil {
		return 0
	}
	fmt.Fprintln(complaints, firstLine(err))
	if vigil.KindOf(err) == vigil.Invalid {
		return exitInvalid
	}
	return exitUnable
}

func compileConfined(ctx context.Context, args []string, in io.Reader) error {
	if len(args) != 3 {
		return errors.New("want a directory, seconds and bytes")
	}
	seconds, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return fmt.Errorf("read the limit of time: %w", err)
	}
	memory, err := strconv.ParseUint(args[2], 10, 62)
	if err != nil {
		return fmt.Errorf("read the limit of memory: %w", err)
	}
	debug.SetMemoryLimit(int64(memory / 4 * 3)) // garbage is no reason to die
	if err := confine(seconds, memory); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	code, err := io.ReadAll(io.LimitReader(in, maxCode+1))
	if err != nil {
		return fmt.Errorf("read code: %w", err)
	}
	if len(code) > maxCode {
		return vigil.Errorf(vigil.Invalid, "module_invalid", "metered code has more than %d bytes", maxCode)
	}
	cache, err := openCache(args[0])
	if err != nil {
		return err
	}
	r := wazero.NewRuntimeWithConfig(ctx, limits(wazero.NewRuntimeConfigCompiler(), 1<<16).WithCompilationCache(cache))
	workers := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if _, err := r.CompileModule(workers, code); err != nil {
		return vigil.Errorf(vigil.Invalid, "module_invalid", "%s", firstLine(err))
	}
	return nil // the process ends, and what is open with it
}

// sweep removes what compilers that were killed have left in a cache: files
// that were never renamed to an entry, none of which is written for as long.
func sweep(dir string, now time.Time) {
	left, err := filepath.Glob(filepath.Join(dir, "*", "*.tmp"))
	if err != nil {
		return // the pattern is right
	}
	for _, file := range left {
		if info, err := os.Lstat(file); err == nil && now.Sub(info.ModTime()) > time.Hour {
			_ = os.Remove(file) // another process may have been quicker
		}
	}
}
