package remediator

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/durable"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fences keeps the highest token of every target in a file of its own, so that
// whoever held an older lease is refused, also after a crash.
type fences struct {
	dir string
	mu  sync.Mutex // makes reading and replacing one step
}

// raise stores token for the target, synced, if it is higher than all before
// it, and refuses it otherwise.
func (f *fences) raise(t vigil.Target, token uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	top, err := f.read(t)
	if err != nil {
		return err
	}
	if token <= top {
		return stale(t, token, top)
	}
	if err := durable.Replace(f.path(t), strconv.AppendUint(nil, token, 10)); err != nil {
		return fmt.Errorf("store fence %d of %s: %w", token, t, err)
	}
	return nil
}

// holds says why token no longer rules the target, nil if it does.
func (f *fences) holds(t vigil.Target, token uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	top, err := f.read(t)
	if err != nil {
		return err
	}
	if token != top {
		return stale(t, token, top)
	}
	return nil
}

// read returns the highest token so far, from the file each time: a process
// that was stopped for a while must not trust what it remembers. A file that cannot be read refuses
// every lease: not knowing is no permission.
func (f *fences) read(t vigil.Target) (uint64, error) {
	b, err := os.ReadFile(f.path(t))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read fence of %s: %w", t, err)
	}
	top, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0, vigil.Errorf(vigil.Internal, "fence_corrupt", "fence file %s cannot be read", f.path(t)).
			Hinted("write the highest fence of %s into it (vigil remediation ls shows it)", t)
	}
	return top, nil
}

// key is the target without its host: the fence lies on that host. It is safe
// as a file name, since a target's parts are letters, digits, dot, dash and
// underscore.
func key(t vigil.Target) string { return t.Kind + "_" + t.Name }

func (f *fences) path(t vigil.Target) string { return filepath.Join(f.dir, key(t)) }

func stale(t vigil.Target, token, top uint64) error {
	return vigil.Errorf(vigil.Conflict, "fence_stale", "fence %d of %s is not above %d, a later lease was served", token, t, top)
}
