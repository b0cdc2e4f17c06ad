//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// LockDir takes the data directory for this process, creating it if need be.
// The lock ends with unlock or with the process, however that dies. When
// another process has it the error's code is already_running.
func LockDir(dir string) (unlock func() error, err error) {
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := takeLock(f); err != nil {
		defer f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, alreadyRunning(dir, f)
		}
		return nil, unwritable(dir, err)
	}
	if err := signLock(f); err != nil {
		return nil, errors.Join(unwritable(dir, err), f.Close())
	}
	return f.Close, nil
}

// A process that is killed while it starts another one leaves its files, and
// so its lock, to the child for the moment until that executes its program.
const (
	lockTries = 200
	lockPause = 10 * time.Millisecond
)

// takeLock takes the lock at once or not at all; it waits only for a process
// that signed it and is no more.
func takeLock(f *os.File) error {
	for try := 1; ; try++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			return err
		}
		if pid := lockHolder(f); pid == 0 || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return err
		}
		time.Sleep(lockPause) //nolint:forbidigo // the kernel's clock counts, for a moment, at start
	}
}

// lockHolder returns the process that signed the lock, 0 if none did.
func lockHolder(f *os.File) int {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	pid, bad := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || bad != nil || pid <= 0 {
		return 0
	}
	return pid
}

// signLock writes our process id into the lock file, for the message another
// process prints.
func signLock(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("sign lock: %w", err)
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func alreadyRunning(dir string, f *os.File) error {
	who := "another process"
	if pid := lockHolder(f); pid != 0 {
		who = fmt.Sprintf("process %d", pid)
	}
	return vigil.Errorf(vigil.Unavailable, "already_running", "the data directory %s is in use by %s", dir, who).
		Hinted("stop it, or choose another directory with --data")
}
