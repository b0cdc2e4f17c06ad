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
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
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
	if b, err := io.ReadAll(io.LimitReader(f, 32)); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			who = fmt.Sprintf("process %d", pid)
		}
	}
	return vigil.Errorf(vigil.Unavailable, "already_running", "the data directory %s is in use by %s", dir, who).
		Hinted("stop it, or choose another directory with --data")
}
