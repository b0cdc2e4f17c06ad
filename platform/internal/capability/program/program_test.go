package program_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := vigil.CodeOf(err); got != code {
		t.Errorf("code = %q (%v), want %q", got, err, code)
	}
}

func TestCheck_RefusesWhatOthersMayHavePutThere(t *testing.T) {
	t.Parallel()
	f := func(code string, mode, dirMode os.FileMode) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "bin")
		path := filepath.Join(dir, "run")
		err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(path, nil, 0o600), os.Chmod(path, mode), os.Chmod(dir, dirMode))
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, program.Check(path), code)
	}
	f("", 0o700, 0o755)
	f("", 0o755, 0o777|os.ModeSticky)
	f("command_missing", 0o600, 0o755)
	f("command_unsafe", 0o777, 0o755)
	f("command_unsafe", 0o755|os.ModeSetuid, 0o755)
	f("command_unsafe", 0o755, 0o777)
	wantCode(t, program.Check("/nowhere/run"), "command_missing")
	wantCode(t, program.Check("/etc"), "command_missing")
	wantCode(t, program.Check("/dev/null"), "command_missing")
}

func TestProgram_WhatWasOpenedIsWhatRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := copyOf(t, "/bin/echo", filepath.Join(dir, "good")), copyOf(t, "/bin/false", filepath.Join(dir, "bad"))
	link := filepath.Join(dir, "run")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	p, err := program.Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	// Both the link and the file under its old name are swapped.
	if err := errors.Join(os.Remove(link), os.Symlink(bad, link), os.Rename(bad, good)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.Path())
	cmd.Args = []string{link, "the", "good"}
	if out, err := cmd.Output(); err != nil || string(out) != "the good\n" {
		t.Errorf("ran with output %q, %v; want the program that was opened", out, err)
	}
	if after, err := p.Digest(); err != nil || after != before || !strings.HasPrefix(after, "sha256:") {
		t.Errorf("digest became %s, %v; was %s", after, err, before)
	}
}

func TestProgram_KnowsAScriptAndMachineCode(t *testing.T) {
	t.Parallel()
	f := func(text string, wantScript, wantMachine bool) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		p, err := program.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		script, err := p.Script()
		machine, err2 := p.Machine()
		if script != wantScript || machine != wantMachine || err != nil || err2 != nil {
			t.Errorf("%q is a script: %v, machine code: %v, %v, %v", text, script, machine, err, err2)
		}
	}
	f("#!/bin/sh\n", true, false)
	f("#!", true, false)
	f("#", false, false)
	f("", false, false)
	f("\x7fELF\x02", false, true)
	f("\x7fEL", false, false)
	f("PK\x03\x04", false, false)
}

func TestInterpreter_KnowsItsNames(t *testing.T) {
	t.Parallel()
	for name := range strings.FieldsSeq(`
		sh bash python3 python3.12 python3.13 python3.13t python3-dbg python-3.12 perl5.38 perl5.38-x86_64-linux-gnu perl5.36.0 find xargs tar
		bash-static bash.static busybox busybox-static busybox.nosuid nc.openbsd nc.traditional git awk mawk original-awk env timeout nice
		ssh docker kubectl node node20 nodejs sudo doas ld-linux-x86-64.so.2 vim.tiny vi lua5.4 tclsh8.6 ruby3.1 php8.2 php8.2-cgi php-cgi
		gcc-12 pypy3 sqlite3 perf_5.10 ionice taskset run-parts systemd-run setarch qemu-x86_64-static pwsh ksh93 jq run0 tini-static
	`) {
		if program.Interpreter("/nowhere/"+name) == "" {
			t.Errorf("%s is not known as an interpreter", name)
		}
	}
	for name := range strings.FieldsSeq(`
		du ls df findmnt run nginx systemctl node_exporter node-exporter git-lfs bashbug gcc-ar-12 python3-config at-spi-bus-launcher
		prometheus sshd envsubst timedatectl find-all sync makewhatis nicer 7z shutdown journalctl luac-tool x3 R2D2
	`) {
		if got := program.Interpreter("/nowhere/" + name); got != "" {
			t.Errorf("%s is taken for the interpreter %s", name, got)
		}
	}
}

// TestInterpreter_SeesThroughOtherNames: by the file, not by what it is called.
func TestInterpreter_SeesThroughOtherNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	symlink, link, twice := filepath.Join(dir, "symlink"), filepath.Join(dir, "link"), filepath.Join(dir, "twice")
	if err := errors.Join(os.Symlink("/bin/sh", symlink), os.Symlink(symlink, twice)); err != nil {
		t.Fatal(err)
	}
	disguised := []string{symlink, twice, copyOf(t, sh, filepath.Join(dir, "copy"))}
	if os.Link(sh, link) == nil { // another file system has no such links
		disguised = append(disguised, link)
	}
	for _, path := range disguised {
		if program.Interpreter(path) == "" {
			t.Errorf("%s is not seen to be /bin/sh", path)
		}
	}
	harmless := copyOf(t, "/bin/echo", filepath.Join(dir, "tool"))
	for _, path := range []string{harmless, "/bin/ls", "/bin/df"} {
		if got := program.Interpreter(path); got != "" {
			t.Errorf("%s is taken for the interpreter %s", path, got)
		}
	}
}

func copyOf(t *testing.T, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o700); err != nil {
		t.Fatal(err)
	}
	return to
}

// BenchmarkInterpreter is what each run of a command pays for being looked at.
func BenchmarkInterpreter(b *testing.B) {
	for b.Loop() {
		if got := program.Interpreter("/bin/ls"); got != "" {
			b.Fatal(got)
		}
	}
}
