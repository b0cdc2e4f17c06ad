package remediator

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxPauseText is how much of a pause file is told, in bytes.
const maxPauseText = 1024

// pause is what the host's pause file says, nil if there is none. Not being able
// to tell counts as one.
func (r *Remediator) pause() *vigil.PauseFile {
	info, err := os.Lstat(r.o.PauseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	said := &vigil.PauseFile{Path: r.o.PauseFile}
	if err != nil {
		said.Reason = "it cannot be looked for: " + because(err)
		return said
	}
	said.Since = info.ModTime()
	text, err := pauseText(r.o.PauseFile, info)
	said.Reason = cmp.Or(text, "it gives no reason")
	if err != nil {
		said.Reason = "it cannot be read: " + because(err)
	}
	return said
}

// pauseText reads the beginning of a file. What is no plain file, such as a pipe
// or a link to somebody's secrets, is not opened.
func pauseText(path string, info fs.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no plain file")
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return "", errors.New("it was replaced meanwhile")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPauseText))
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "")), " "), err
}

// because is an error without the path, which is told beside it.
func because(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// mayBegin refuses while the host is paused.
func (r *Remediator) mayBegin() error {
	if p := r.pause(); p != nil {
		return vigil.Errorf(vigil.Held, "paused", "paused by %s: %s", p.Path, p.Reason)
	}
	return nil
}

// samePause reports whether a collector need not hear of the difference.
func samePause(a, b *vigil.PauseFile) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Path == b.Path && a.Reason == b.Reason && a.Since.Equal(b.Since)
}
