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

func TestProgram_KnowsAScript(t *testing.T) {
	t.Parallel()
	f := func(text string, want bool) {
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
		if got, err := p.Script(); got != want || err != nil {
			t.Errorf("%q is a script: %v, %v", text, got, err)
		}
	}
	f("#!/bin/sh\n", true)
	f("#!", true)
	f("#", false)
	f("", false)
	f("\x7fELF", false)
}

func TestInterpreter_KnowsItsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hidden := filepath.Join(dir, "tool")
	if err := os.Symlink("/bin/sh", hidden); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/bin/sh", "/bin/bash", "/usr/bin/python3", "/usr/bin/python3.12", "/usr/bin/perl5.38", "/usr/bin/find", "/usr/bin/xargs", "/bin/tar",
		"/usr/bin/git", "/usr/bin/awk", "/usr/bin/mawk", "/usr/bin/env", "/usr/bin/ssh", "/usr/bin/docker", "/usr/bin/kubectl", "/usr/bin/node",
		"/bin/busybox", "/usr/bin/sudo", "/lib64/ld-linux-x86-64.so.2", hidden,
	} {
		if program.Interpreter(path) == "" {
			t.Errorf("%s is not known as an interpreter", path)
		}
	}
	for _, path := range []string{"/usr/bin/du", "/bin/ls", "/usr/bin/findmnt", "/opt/billing/run", "/usr/sbin/nginx", "/usr/bin/systemctl"} {
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
