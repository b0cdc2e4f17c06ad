package command

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRun_AnExitCodeIsAReply(t *testing.T) {
	t.Parallel()
	reply, err := run(t, open(t, asRole("exit", "CODE=3")), nil)
	if err != nil || reply.Exit != 3 || reply.Output != "to stderr\n" || reply.Signal != "" {
		t.Errorf("reply = %+v, %v; want exit 3", reply, err)
	}
	reply, err = run(t, open(t, asRole("kill")), nil)
	if err != nil || reply.Exit != -1 || reply.Signal != "terminated" {
		t.Errorf("reply = %+v, %v; want a signal", reply, err)
	}
}

func TestRun_NothingStartsUnlessItMay(t *testing.T) {
	t.Parallel()
	s := open(t, asRole("tell"))
	lost := errors.New("lease lost")
	if _, err := s.Run(t.Context(), vigil.CommandRequest{Command: "c"}, func() error { return nil }, func() error { return lost }); !errors.Is(err, lost) {
		t.Errorf("error = %v, want the one that stood in the way", err)
	}
	dry, err := s.Run(t.Context(), vigil.CommandRequest{Command: "c", DryRun: true}, func() error { t.Error("a dry run spends nothing"); return nil })
	if err != nil || !dry.DryRun || dry.Output != "" || !strings.HasPrefix(dry.Digest, "sha256:") {
		t.Errorf("dry run = %+v, %v", dry, err)
	}
	_, err = s.Run(t.Context(), vigil.CommandRequest{Command: "other"})
	wantCode(t, "unknown", err, "command_unknown")
	if err != nil && !strings.Contains(err.Error(), "have: c") {
		t.Errorf("error = %v, want the known ones named", err)
	}
}

func TestRun_OneAtATime(t *testing.T) {
	t.Parallel()
	s := open(t, asRole("tell"))
	s.byName["c"].turn <- struct{}{} // another run is under way
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Run(ctx, vigil.CommandRequest{Command: "c"})
	wantCode(t, "meanwhile", err, "command_busy")
	<-s.byName["c"].turn
	if _, err := run(t, s, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestCheck_NamesTheField(t *testing.T) {
	t.Parallel()
	f := func(name string, c Config, field string) {
		t.Helper()
		err := c.Check(name)
		if got, _ := vigil.AsError(err).Fields["field"].(string); vigil.CodeOf(err) != "command_invalid" || got != field {
			t.Errorf("Check(%q, %+v) = %v with field %q, want %q", name, c, err, got, field)
		}
	}
	du := []string{"/usr/bin/du", "{a}"}
	args := map[string]Arg{"a": {Pattern: "^[a-z]+$"}}
	f("a b", Config{Argv: du, Args: args}, "name")
	f("c", Config{}, "argv")
	f("c", Config{Argv: append(make([]string, 64), du...), Args: args}, "argv")
	f("c", Config{Argv: du, Args: args, Dir: "srv"}, "dir")
	f("c", Config{Argv: du, Args: args, Timeout: longestTimeout + 1}, "timeout")
	f("c", Config{Argv: du, Args: args, Env: map[string]string{"A=B": ""}}, "env")
	f("c", Config{Argv: du, Args: map[string]Arg{"a": {Pattern: "^a$", Max: maxWord + 1}}}, "args.a")
	f("c", Config{Argv: du, Args: map[string]Arg{"A": {Pattern: "^a$"}}}, "args.A")
	if err := (Config{Argv: du, Args: args}).Check("disk-usage"); err != nil {
		t.Errorf("a good command: %v", err)
	}
}

func FuzzGrammar(f *testing.F) {
	f.Add(`^/var/log/[a-z]+$`, "/var/log/syslog", "")
	f.Add(`^[^-]*$`, "-H", "--name=")
	f.Add(`^(a|-b)$`, "-b", "")
	f.Add(`^(?i)-?X*\x40?$`, "@x", "/srv/")
	f.Fuzz(func(t *testing.T, pattern, value, before string) {
		l, _, says := parse([]string{"/usr/bin/du", before + "{a}"}, map[string]Arg{"a": {Pattern: pattern}})
		if says != "" {
			return
		}
		argv, err := l.fill("c", map[string]string{"a": value})
		if err != nil {
			return
		}
		got := argv[len(argv)-1]
		switch {
		case len(argv) != 2 || got != before+value:
			t.Errorf("%q with %q became %q", before, value, argv)
		case strings.ContainsAny(value, "\x00\n\r"):
			t.Errorf("pattern %q let %q through", pattern, value)
		case before == "" && (strings.HasPrefix(value, "-") || strings.HasPrefix(value, "@")):
			t.Errorf("pattern %q let %q begin a word", pattern, value)
		case strings.HasPrefix(got, "-") && !strings.Contains(before, "="):
			t.Errorf("pattern %q made the option %q", pattern, got)
		}
	})
}
