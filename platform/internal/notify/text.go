package notify

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// line makes one printable line of at most so many bytes.
func line(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r): // control characters, and those that turn text around
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-3], "") + "..."
	}
	return s
}

// heading is what a message says in one line.
func heading(ns []vigil.Notification) string {
	if len(ns) == 1 {
		return mark(ns[0]) + ": " + line(ns[0].Summary, 200)
	}
	n := 0
	for _, one := range ns {
		if one.When.NeedsPerson() {
			n++
		}
	}
	return fmt.Sprintf("%d messages, %d of them need a person", len(ns), n)
}

func mark(n vigil.Notification) string {
	switch {
	case n.Verb == vigil.NotifyTest:
		return "Test"
	case n.Verb == vigil.Resolve:
		return "Resolved"
	case n.Verb == vigil.Acknowledge:
		return "Taken"
	case n.When.NeedsPerson():
		return "Needs you"
	}
	return "Note"
}

// body is what a message says below its heading, each message in its own
// paragraph.
func body(ns []vigil.Notification) string {
	var b strings.Builder
	for _, n := range ns {
		if len(ns) > 1 {
			b.WriteString(mark(n) + ": " + line(n.Summary, 200) + "\n")
		}
		if n.Detail != "" {
			b.WriteString(line(n.Detail, 500) + "\n")
		}
		if n.Policy != "" {
			b.WriteString("policy: " + line(n.Policy, 100) + "\n")
		}
		if next := next(n); next != "" {
			b.WriteString("next: " + next + "\n")
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// next is the command that a person goes on with.
func next(n vigil.Notification) string {
	switch {
	case n.When == vigil.WhenTripped:
		return "vigil breaker ls"
	case n.Remediation == "" && n.Target != "":
		return "vigil why " + line(n.Target, 200)
	case n.Remediation == "":
		return ""
	case n.When == vigil.WhenApproval:
		return "vigil remediation approve " + line(n.Remediation, 60)
	}
	return "vigil remediation show " + line(n.Remediation, 60)
}
