package vigil

import "strings"

// The dictionary is linked into every action module, so names are checked by
// hand: a regular expression would cost each guest half a megabyte.

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// made reports whether s is 1 to most bytes long, begins with one of first and
// goes on with one of first or rest.
func made(s, first, rest string, most int) bool {
	if s == "" || len(s) > most || !strings.Contains(first, s[:1]) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(first+rest, r) })
}

// isName reports whether s may name a policy or a module.
func isName(s string) bool { return made(s, lower+digits, "-", 63) }

// isVersion reports whether s may be a module's version.
func isVersion(s string) bool { return made(s, lower+upper+digits, ".+-", 63) }

// isTargetPart reports whether s may be a target's name or host. There is no
// separator, space or option prefix in it, so that a rendered label can never
// smuggle a second target or a flag into a command.
func isTargetPart(s string) bool { return made(s, lower+upper+digits+"_", ".-", 128) }

// expand replaces each {{label}} of a template by what value says of it.
// Braces around anything else stay, and so fail as a target.
func expand(template string, value func(label string) string) string {
	var b strings.Builder
	for {
		before, rest, opened := strings.Cut(template, "{{")
		inside, after, closed := strings.Cut(rest, "}}")
		b.WriteString(before)
		if !opened {
			return b.String()
		}
		if label := strings.TrimSpace(inside); closed && made(label, lower+upper+"_", digits, 256) {
			b.WriteString(value(label))
			template = after
			continue
		}
		b.WriteString("{{")
		template = rest
	}
}

// Nearest returns the name that is at most two edits away from what somebody
// typed, "" if none is.
func Nearest(typed string, names []string) (near string) {
	if len(typed) > 63 { // no name is longer
		return ""
	}
	best := 3
	for _, n := range names {
		if d := edits(typed, n); d < best && d < len(typed) {
			best, near = d, n
		}
	}
	return near
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
