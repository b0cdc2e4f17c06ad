package audit

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// document is a Markdown document on its way. What is not this package's own words
// goes through text, cell or fenced: names, reasons and logs are other people's,
// and a post-mortem is read where Markdown and HTML are obeyed.
type document struct{ bytes.Buffer }

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

// special are the characters by which Markdown, GitHub's and HTML's marks begin.
const special = "\\`*_[]()<>&#|~!$@"

// maxText bounds one piece of text, in bytes.
const maxText = 4 << 10

// text is other people's words within a line.
func text(v any) string {
	var b strings.Builder
	for _, r := range clean(fmt.Sprint(v)) {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	// A bare address would become a link without any mark.
	return strings.NewReplacer("://", "\\://", "www.", "www\\.").Replace(b.String())
}

// clean takes out of a line what ends it or turns its direction.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + " …"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || r >= 0x200b && r <= 0x200f ||
			r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// table writes rows of cells under a head; without rows it writes nothing.
func (d *document) table(head []string, rows [][]any) {
	if len(rows) == 0 {
		return
	}
	d.line("| %s |", strings.Join(head, " | "))
	d.line("|%s", strings.Repeat("---|", len(head)))
	for _, row := range rows {
		for _, cell := range row {
			fmt.Fprintf(d, "| %s ", text(cell))
		}
		d.line("|")
	}
	d.line("")
}

// fenced writes lines as they are; the fence is longer than any in them.
func (d *document) fenced(lines []string) {
	fence := "```"
	for _, line := range lines {
		for strings.Contains(line, fence) {
			fence += "`"
		}
	}
	d.line("%s", fence+"text")
	for _, line := range lines {
		d.line("%s", clean(line))
	}
	d.line("%s\n", fence)
}
