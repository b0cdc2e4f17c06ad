package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/config"
)

// print writes data in the chosen format; table draws it for people.
func (c *cli) print(data any, table func(w io.Writer)) error {
	switch c.format {
	case "json":
		enc := json.NewEncoder(c.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(data)
	case "yaml":
		text, err := config.YAML(data)
		if err != nil {
			return err
		}
		_, err = c.out.Write(text)
		return err
	}
	tw := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	table(tw)
	return tw.Flush()
}

// row writes one tab-separated line; control characters cannot reach the
// terminal.
func row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, plain(fmt.Sprint(cell)))
	}
	fmt.Fprint(w, "\n")
}

// plain replaces what a terminal would obey instead of show.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// mostSaid bounds a message that an error brings to the terminal, in bytes.
const mostSaid = 4 << 10

// plainLines is plain for text of several lines.
func plainLines(s string) string {
	if len(s) > mostSaid {
		s = strings.ToValidUTF8(s[:mostSaid], "") + " …"
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// ago renders a time relative to now, as a table shows it.
func ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := time.Since(t)
	switch {
	case d < 10*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

// short cuts a digest to what people compare.
func short(digest string) string {
	if rest, ok := strings.CutPrefix(digest, "sha256:"); ok && len(rest) > 12 {
		return "sha256:" + rest[:12]
	}
	return digest
}

// cut shortens a cell to n runes, so that a table fits a terminal.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
