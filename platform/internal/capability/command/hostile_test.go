package command

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/program"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A34: a value is one word of its grammar and never an option.
func TestA34_ArgumentsOutsideOfTheGrammarAreDenied(t *testing.T) {
	t.Parallel()
	c := asRole("tell")
	c.Argv = append(c.Argv, "--no-pager", "{unit}")
	c.Args = map[string]Arg{"unit": {Pattern: `^[a-z][a-z0-9_.-]*\.service$`}}
	s := open(t, c)
	for _, v := range []string{
		"-o ProxyCommand=id", "-oProxyCommand=id", "--root=/tmp/x", "-H evil", "-Hevil", "-M", "--config=/tmp/x", "-.service", "@file", "@file.service",
		"a.service\nb.service", "a.service\n", "a.service\r", "a\x00.service", "$(id).service", "`id`.service", "*.service", "?.service", "a.service;id",
		"a.service|id", "a.service&", "a.service > /tmp/x", "../../x.service", "/etc/x.service", "~.service", "{unit}", "a.service b.service", "",
		"é.service", "a\u202e.service", strings.Repeat("a", defaultMax) + ".service", "\xff.service",
	} {
		_, err := run(t, s, map[string]string{"unit": v})
		wantCode(t, v, err, "arg_denied")
	}
	_, err := run(t, s, nil)
	wantCode(t, "no argument", err, "arg_denied")
	_, err = run(t, s, map[string]string{"unit": "a.service", "root": "/tmp/x"})
	wantCode(t, "an argument too many", err, "arg_denied")

	reply, err := run(t, s, map[string]string{"unit": "nginx.service"})
	if err != nil || !strings.HasPrefix(reply.Output, `["--no-pager" "nginx.service"]`) {
		t.Errorf("reply = %+v, %v", reply, err)
	}
}

func TestA34_AValueStaysOneWordThatNobodyExpands(t *testing.T) {
	t.Parallel()
	c := asRole("tell")
	c.Argv = append(c.Argv, "--dir={dir}", "--", "{text}")
	c.Args = map[string]Arg{"dir": {Pattern: `^.*$`}, "text": {Pattern: `^[^@]*$`}}
	s := open(t, c)
	for _, v := range []string{"$(id)", "`id`", "*", "a b  c", "-H", "--root=/tmp/x", "a;b", `"'\`, "{dir}", "%s", ""} {
		reply, err := run(t, s, map[string]string{"dir": v, "text": v})
		want := "[" + strconv.Quote("--dir="+v) + ` "--" ` + strconv.Quote(v) + "]\n"
		if err != nil || !strings.HasPrefix(reply.Output, want) {
			t.Errorf("%q arrived as %.80s (%v), want %s", v, reply.Output, err, want)
		}
	}
}

func TestA34_ConfigurationInWhichAValueCouldBeAnOptionIsRefused(t *testing.T) {
	t.Parallel()
	f := func(field, says, pattern string, words ...string) {
		t.Helper()
		c := Config{Argv: append([]string{"/usr/bin/du"}, words...), Args: map[string]Arg{"a": {Pattern: pattern}}}
		err := c.Check("c")
		if got, _ := vigil.AsError(err).Fields["field"].(string); vigil.CodeOf(err) != "command_invalid" || got != field || !strings.Contains(err.Error(), says) {
			t.Errorf("%q with a: %s: %v (field %q), want %q in field %s", words, pattern, err, got, says, field)
		}
	}
	f("args.a", "^ at its begin", `[a-z]+`, "{a}")
	f("args.a", "^ at its begin", `^[a-z]+`, "{a}")
	f("args.a", "^ at its begin", `[a-z]+$`, "{a}")
	f("args.a", "^ at its begin", `^a|b$`, "{a}")
	f("args.a", "^ at its begin", `^a$|b`, "{a}")
	f("args.a", "^ at its begin", `(?m)^a$`, "{a}")
	f("args.a", "^ at its begin", ``, "{a}")
	f("args.a", "pattern", `^(a$`, "{a}")
	f("args.a", "pattern", `^a{1001}$`, "{a}")
	f("argv", "leading @", `^.*$`, "{a}")
	f("argv", "leading @", `^.*$`, "--", "{a}")
	f("argv", "leading dash", `^[^@]*$`, "{a}")
	f("argv", "leading dash", `^(-|a)+$`, "{a}")
	f("argv", "leading dash", `^a?[-b]$`, "{a}")
	f("argv", "leading dash", `^[!-/]$`, "{a}")
	f("argv", "leading dash", `^[a-z-]+$`, "{a}", "--")
	f("argv", "whole word", `^[a-z]+$`, "{a}.service")
	f("argv", "option's name", `^[a-z]+$`, "-{a}")
	f("argv", "option's name", `^[a-z]+$`, "-o{a}")
	f("argv", "option's name", `^[a-z]+$`, "--{a}=x")
	f("argv", "braces", `^[a-z]+$`, "{a}", "{b}")
	f("argv", "braces", `^[a-z]+$`, "{a}", "{}")
	f("argv", "braces", `^[a-z]+$`, "{a}", "{a")
	f("argv", "brace", `^[a-z]+$`, "{a}", "a}")
	f("args.a", "no word", `^[a-z]+$`, "x")
	f("argv", "line break", `^[a-z]+$`, "{a}", "x\ny")
	for _, words := range [][]string{{"{a}"}, {"--", "{a}"}, {"-n", "{a}"}, {"--name={a}"}, {"/var/log/{a}.log"}, {"x{a}{a}"}} {
		c := Config{Argv: append([]string{"/usr/bin/du"}, words...), Args: map[string]Arg{"a": {Pattern: `^[a-z]+$`}}}
		if err := c.Check("c"); err != nil {
			t.Errorf("%q: %v", words, err)
		}
	}
}

// A35: the program is the file that was checked, in an environment of its own.
func TestA35_NothingOfVigilsEnvironmentIsInherited(t *testing.T) {
	for _, name := range []string{"PATH", "GIT_DIR", "GIT_SSH_COMMAND", "LD_LIBRARY_PATH", "BASH_ENV", "VIGIL_SECRET"} {
		t.Setenv(name, "/tmp/evil")
	}
	reply, err := run(t, open(t, asRole("tell", "LANG=C")), nil)
	if err != nil || strings.Contains(reply.Output, "evil") || strings.Count(reply.Output, "\n") != 4 {
		t.Errorf("reply = %+v, %v; want the configured variables only", reply, err)
	}
}

func TestA35_ASwapAfterTheCheckDoesNotMatter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "run")
	if err := os.Symlink(os.Args[0], link); err != nil {
		t.Fatal(err)
	}
	c := asRole("tell")
	c.Argv = []string{link}
	s := open(t, c)
	swapped := false
	reply, err := s.Run(t.Context(), vigil.CommandRequest{Command: "c"}, func() error {
		swapped = true
		return errors.Join(os.Remove(link), os.Symlink("/bin/false", link))
	})
	if err != nil || !swapped || reply.Exit != 0 || !strings.HasPrefix(reply.Output, "[]\n") {
		t.Errorf("reply = %+v, %v; want the program that was checked", reply, err)
	}
	p, err := program.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if want, err := p.Digest(); err != nil || reply.Digest != want {
		t.Errorf("digest = %s, want %s (%v) of what ran", reply.Digest, want, err)
	}
}

func TestA35_UnsafeProgramsAreNotRun(t *testing.T) {
	t.Parallel()
	f := func(what, code string, mode os.FileMode, text string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "tool")
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		asked := false
		_, err := open(t, Config{Argv: []string{path}}).Run(t.Context(), vigil.CommandRequest{Command: "c"}, func() error { asked = true; return nil })
		wantCode(t, what, err, code)
		if asked {
			t.Errorf("%s: a use was spent", what)
		}
	}
	f("setuid", "command_unsafe", 0o755|os.ModeSetuid, "\x7fELF")
	f("setgid", "command_unsafe", 0o755|os.ModeSetgid, "\x7fELF")
	f("writable by all", "command_unsafe", 0o777, "\x7fELF")
	f("no program", "command_missing", 0o644, "\x7fELF")
	f("a script", "command_root_equivalent", 0o755, "#!/bin/sh\nid\n")
	for _, argv0 := range []string{"du", "./du", "../bin/du", "/usr/bin/../bin/du", "", "/usr/bin/{a}"} {
		wantCode(t, argv0, Config{Argv: []string{argv0}}.Check("c"), "command_invalid")
	}
	wantCode(t, "LD_PRELOAD", Config{Argv: []string{"/usr/bin/du"}, Env: map[string]string{"LD_PRELOAD": "/tmp/x.so"}}.Check("c"), "command_invalid")
	link := filepath.Join(t.TempDir(), "tool")
	if err := os.Symlink("/bin/true", link); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Argv: []string{link}})
	if err := errors.Join(os.Remove(link), os.Symlink("/bin/sh", link)); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, s, nil)
	wantCode(t, "a link that leads to a shell by now", err, "command_root_equivalent")
}

func TestA35_AScriptRunsWhereThatWasAccepted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"script $1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := Config{Argv: []string{path, "{a}"}, Args: map[string]Arg{"a": {Pattern: `^[^-@].*$`}}, RootEquivalent: true}
	reply, err := run(t, open(t, c), map[string]string{"a": "$(id)"})
	if err != nil || reply.Output != "script $(id)\n" {
		t.Errorf("reply = %+v, %v", reply, err)
	}
}

// A36: output has a bound and holds no secret.
func TestA36_OutputIsCutAndRedacted(t *testing.T) {
	t.Parallel()
	reply, err := run(t, open(t, asRole("say", "BYTES="+strconv.Itoa(maxOutput))), nil)
	if err != nil || len(reply.Output) != maxOutput || reply.Cut {
		t.Errorf("the most: %d bytes, cut %v, %v", len(reply.Output), reply.Cut, err)
	}
	reply, err = run(t, open(t, asRole("say", "BYTES="+strconv.Itoa(1<<20))), nil)
	if err != nil || len(reply.Output) != maxOutput || !reply.Cut || reply.Exit != 0 {
		t.Errorf("a mebibyte: %d bytes, cut %v, exit %d, %v", len(reply.Output), reply.Cut, reply.Exit, err)
	}
	reply, err = run(t, open(t, asRole("say", "END=t0ken s3cret-of-the-host."), "s3cret-of-the-host"), nil)
	if err != nil || reply.Output != "[redacted]" { // the value of END is the configuration's, too
		t.Errorf("reply = %+v, %v; want no secret in it", reply, err)
	}
	// A secret that stands across the cut does not leave its first half.
	c := asRole("say", "BYTES="+strconv.Itoa(maxOutput-8), "END=s3cret-of-the-host")
	if reply, err = run(t, open(t, c), nil); err != nil || strings.Contains(reply.Output, "s3cret") {
		t.Errorf("output ends in %q, %v", reply.Output[len(reply.Output)-20:], err)
	}
}

func TestA36_ACommandThatWritesWithoutEndIsKilledAtItsDeadline(t *testing.T) {
	t.Parallel()
	c := asRole("flood")
	c.Timeout = vigil.Duration(300 * time.Millisecond)
	start := time.Now()
	reply, err := run(t, open(t, c), nil)
	wantCode(t, "flood", err, "command_timeout")
	if len(reply.Output) > maxOutput || !reply.Cut || !strings.HasPrefix(reply.Output, "flood?\nflood?\n") {
		t.Errorf("%d bytes kept, cut %v, begins %.16q", len(reply.Output), reply.Cut, reply.Output)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// A37: a program that runs what it is told to is a grant of the host.
func TestA37_InterpretersAreRefusedUnlessAccepted(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/bin/sh", "/bin/bash", "/usr/bin/python3", "/usr/bin/python3.12", "/usr/bin/find", "/bin/tar", "/usr/bin/git", "/usr/bin/awk", "/usr/bin/env",
		"/usr/bin/xargs", "/usr/bin/ssh", "/usr/bin/docker", "/usr/bin/perl", "/usr/bin/ruby", "/usr/bin/node", "/bin/dash", "/bin/busybox",
	} {
		c := Config{Argv: []string{path, "-c", "true"}}
		err := c.Check("c")
		wantCode(t, path, err, "command_root_equivalent")
		if err != nil && !strings.Contains(vigil.AsError(err).Hint, "i_accept_root_equivalent: true") {
			t.Errorf("%s: hint = %q", path, vigil.AsError(err).Hint)
		}
		c.RootEquivalent = true
		if err := c.Check("c"); err != nil {
			t.Errorf("%s, accepted: %v", path, err)
		}
	}
	reply, err := run(t, open(t, Config{Argv: []string{"/bin/sh", "-c", "echo $0"}, RootEquivalent: true}), nil)
	if err != nil || reply.Output != "/bin/sh\n" {
		t.Errorf("reply = %+v, %v", reply, err)
	}
}

func TestRun_NothingOfACommandOutlivesIt(t *testing.T) {
	t.Parallel()
	f := func(what, code string, env ...string) {
		t.Helper()
		c := asRole("family", env...)
		c.Timeout = vigil.Duration(2 * time.Second)
		start := time.Now()
		reply, err := run(t, open(t, c), nil)
		wantCode(t, what, err, code)
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("%s: took %s", what, took)
		}
		child := firstPid(t, reply.Output)
		eventually(t, what+": its child is gone", func() bool { return !alive(child) })
	}
	f("killed at its deadline", "command_timeout", "STAY=1")
	f("ended before its child", "")
}

func TestRun_LeavingTheGroupDoesNotHelp(t *testing.T) {
	t.Parallel()
	c := asRole("stray")
	c.Timeout = vigil.Duration(time.Second)
	reply, err := run(t, open(t, c), nil)
	wantCode(t, "stray", err, "command_timeout")
	if pid := firstPid(t, reply.Output); alive(pid) {
		t.Errorf("process %d lives on", pid)
	}
}

func TestRun_DiesWithVigil(t *testing.T) {
	t.Parallel()
	keeper := exec.Command(os.Args[0])
	keeper.Env = []string{role + "=keeper"}
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	var kid int
	eventually(t, "the command runs", func() bool {
		kid = childOf(keeper.Process.Pid)
		return kid > 0
	})
	if err := keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = keeper.Wait()
	eventually(t, "the command is gone with its Vigil", func() bool { return !alive(kid) })
}

// childOf returns a child of any thread of a process, 0 if it has none.
func childOf(pid int) int {
	files, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if kids := strings.Fields(string(b)); len(kids) > 0 {
			kid, _ := strconv.Atoi(kids[0])
			return kid
		}
	}
	return 0
}
