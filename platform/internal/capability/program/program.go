package program

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Program is an open program; it is closed by its opener.
type Program struct {
	file *os.File
	real string // where its path led, links followed
}

// Open opens the program at path and checks it. Errors are Invalid, with code
// command_missing or command_unsafe.
func Open(path string) (*Program, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "command_missing", "command %s cannot be found", path)
	}
	f, err := openFile(real)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "command_missing", "command %s cannot be opened", path)
	}
	p := &Program{file: f, real: real}
	if err := p.check(path); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Check says what stands against running the program at path, nil if nothing.
func Check(path string) error {
	p, err := Open(path)
	if err != nil {
		return err
	}
	return p.Close()
}

func (p *Program) check(path string) error {
	fi, err := p.file.Stat()
	if err != nil || !fi.Mode().IsRegular() || fi.Mode().Perm()&0o111 == 0 {
		return vigil.Errorf(vigil.Invalid, "command_missing", "command %s is no program", path)
	}
	if fi.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 || fi.Mode().Perm()&0o002 != 0 {
		return vigil.Errorf(vigil.Invalid, "command_unsafe", "command %s is setuid or everybody may write it", path)
	}
	for dir := filepath.Dir(p.real); ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		if err != nil || (fi.Mode().Perm()&0o002 != 0 && fi.Mode()&fs.ModeSticky == 0) {
			return vigil.Errorf(vigil.Invalid, "command_unsafe", "command %s lies under %s, which everybody may write", path, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// Close closes the file; what runs already goes on.
func (p *Program) Close() error { return p.file.Close() }

// File is the open file, for a child that must inherit it: the interpreter of a
// script opens it again.
func (p *Program) File() *os.File { return p.file }

// Real is where the path led, all links followed.
func (p *Program) Real() string { return p.real }

// Path names the open file to the kernel, in this process and in a child of it
// that has not run the program yet.
func (p *Program) Path() string { return "/proc/self/fd/" + strconv.Itoa(int(p.file.Fd())) }

// Script reports whether the file names its own interpreter, and Machine whether
// it is machine code. What is neither is run by something that the host has been
// told to run it by.
func (p *Program) Script() (bool, error) { return p.begins("#!") }

// Machine reports whether the file is machine code, as Linux has it.
func (p *Program) Machine() (bool, error) { return p.begins("\x7fELF") }

func (p *Program) begins(magic string) (bool, error) {
	head := make([]byte, len(magic))
	n, err := p.file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", p.real, err)
	}
	return string(head[:n]) == magic, nil
}

// Digest returns the digest of the file's bytes, sha256:….
func (p *Program) Digest() (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(p.file, 0, 1<<40)); err != nil {
		return "", fmt.Errorf("read %s: %w", p.real, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
