package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// block is one ```NAME block of README.md.
type block struct{ language, text string }

func readmeBlocks(t *testing.T) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return blocks
}

// step is one command of a console block and what it prints.
type step struct{ command, want string }

var heredoc = regexp.MustCompile(`<<'?(\w+)'?`)

// steps reads a console block: a line that begins with "$ " is a command, with
// its here-document if it has one; the lines after it are its output, in which
// … stands for anything.
func steps(text string) (out []step) {
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			if len(out) > 0 {
				out[len(out)-1].want += lines[i]
			}
			continue
		}
		if m := heredoc.FindStringSubmatch(command); m != nil {
			for i++; ; i++ {
				command += lines[i]
				if strings.TrimSpace(lines[i]) == m[1] {
					break
				}
			}
		}
		out = append(out, step{command: command})
	}
	return out
}

// matches reports whether output is what README shows, spaces squeezed.
func matches(want, output string) bool {
	squeeze := func(s string) string {
		s = regexp.MustCompile(`[ \t]+`).ReplaceAllString(s, " ")
		return strings.TrimSpace(regexp.MustCompile(`(?m) +$`).ReplaceAllString(s, ""))
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(squeeze(want)), "…", "(?s:.*)")
	return regexp.MustCompile(`^` + pattern + `(?s:.*)$`).MatchString(squeeze(output))
}

// TestReadme_EveryConsoleBlockWorks types README's commands into one shell, in
// their order, on the ports that README names. ./scripts/up goes on in the
// background, as it would in a first terminal.
func TestReadme_EveryConsoleBlockWorks(t *testing.T) {
	dir, repo := t.TempDir(), t.TempDir() // a copy: what the reader writes there must not lie in the way of other tests
	checkOut(t, repo, "agent", "modules", "platform", "scripts", "sdk")
	sh := &shell{t: t, repo: repo, env: append(environ(dir), "XDG_DATA_HOME="+filepath.Join(dir, "share"))}
	for _, b := range readmeBlocks(t) {
		if b.language == "yaml" {
			write(t, sh.repo, strings.TrimPrefix(strings.SplitN(b.text, "\n", 2)[0], "# "), b.text)
		}
	}
	for _, b := range readmeBlocks(t) {
		if b.language != "console" {
			continue
		}
		for _, s := range steps(b.text) {
			if strings.HasPrefix(s.command, "./scripts/up") {
				sh.background(s)
				continue
			}
			sh.run(s)
		}
	}
}

// shell is the terminal that README's reader types into, in the repository's folder.
type shell struct {
	t     *testing.T
	repo  string
	env   []string
	typed string // what stays in force: exports and changes of folder
}

func (sh *shell) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", sh.typed+line)
	cmd.Dir, cmd.Env = sh.repo, sh.env
	return cmd
}

func (sh *shell) run(s step) {
	sh.t.Helper()
	if strings.HasPrefix(s.command, "export ") || strings.HasPrefix(s.command, "cd ") {
		sh.typed += s.command
		return
	}
	ctx, cancel := context.WithTimeout(sh.t.Context(), 2*time.Minute)
	defer cancel()
	out, err := sh.command(ctx, s.command).CombinedOutput()
	if err != nil {
		sh.t.Errorf("$ %s%v\n%s", s.command, err, out)
	} else if !matches(s.want, string(out)) {
		sh.t.Errorf("$ %sprinted\n%s\nREADME shows\n%s", s.command, out, s.want)
	}
}

// background starts a command that does not end by itself and waits until it
// has printed what README shows; it must end well on Ctrl-C.
func (sh *shell) background(s step) {
	sh.t.Helper()
	var out lockedBuffer
	cmd := sh.command(context.WithoutCancel(sh.t.Context()), "exec "+s.command)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		sh.t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	sh.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		select {
		case err := <-exited:
			if err != nil {
				sh.t.Errorf("$ %s: Ctrl-C: %v\n%s", s.command, err, out.String())
			}
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			sh.t.Errorf("$ %s: did not end within 10s of Ctrl-C", s.command)
		}
	})
	until(sh.t, 5*time.Minute, s.command+"prints what README shows", func() bool {
		select {
		case err := <-exited:
			sh.t.Fatalf("$ %s ended: %v\n%s", s.command, err, out.String())
		default:
		}
		return bytes.Contains([]byte(out.String()), []byte("remediation show"))
	})
	if !matches("…"+s.want, out.String()) {
		sh.t.Errorf("$ %sprinted\n%s\nREADME shows\n%s", s.command, out.String(), s.want)
	}
}
