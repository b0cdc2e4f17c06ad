package wasm

import (
	"bytes"
	"strings"
)

// guestLog keeps the first lines that a guest writes in one call. What comes
// after is dropped, except the line that says why the guest crashed.
type guestLog struct {
	lines   []string
	partial []byte // what came without a newline yet, at most maxLogLine bytes
	crash   string // the line that a runtime writes before it gives up
	dropped int
}

// write takes bytes of a stream, as fd_write brings them.
func (l *guestLog) write(b []byte) {
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		l.partial = append(l.partial, line[:min(len(line), maxLogLine-len(l.partial))]...)
		if ended {
			l.add(string(l.partial))
			l.partial = l.partial[:0]
		}
		b = rest
	}
}

// add keeps one line.
func (l *guestLog) add(line string) {
	line = cut(strings.TrimSpace(line), maxLogLine)
	if line == "" {
		return
	}
	if l.crash == "" && (strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")) {
		l.crash = line
	}
	if len(l.lines) >= maxLogLines {
		l.dropped++
		return
	}
	l.lines = append(l.lines, line)
}

// empty reports whether there is nothing to take.
func (l *guestLog) empty() bool {
	return len(l.lines) == 0 && len(l.partial) == 0 && l.dropped == 0 && l.crash == ""
}

// take returns the lines of the call and starts anew.
func (l *guestLog) take() []string {
	if len(l.partial) > 0 {
		l.add(string(l.partial))
	}
	lines := l.lines
	*l = guestLog{partial: l.partial[:0]}
	return lines
}

// cut shortens s to at most n bytes of valid UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
