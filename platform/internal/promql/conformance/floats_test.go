package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// floats returns a script without what needs native histograms or start
// timestamps: the series that have them, the evaluations that speak of
// histograms, and those that skips names by their line. What is left out
// becomes a comment, so that lines keep their numbers. It returns how many
// evaluations are kept and left out.
func floats(file, script string, skips map[string]bool) (kept string, run, left int) {
	command := regexp.MustCompile(`^ ?(load|load_with_nhcb|eval|eval_\w+|clear|ignore|resume)\b`)
	var out strings.Builder
	lines := strings.SplitAfter(script, "\n")
	for i := 0; i < len(lines); {
		end := i + 1
		for end < len(lines) && !command.MatchString(lines[end]) {
			end++
		}
		block, name := lines[i:end], fmt.Sprintf("%s:%d", file, i+1)
		switch whole := strings.Join(block, ""); {
		case !strings.HasPrefix(strings.TrimSpace(block[0]), "eval"):
			out.WriteString(loadsFloats(block))
		case strings.Contains(whole, "{{") || strings.Contains(whole, "histogram") || skips[name]:
			delete(skips, name)
			out.WriteString(strings.Repeat("#\n", len(block)))
			left++
		default:
			out.WriteString(whole)
			run++
		}
		i = end
	}
	return out.String(), run, left
}

// loadsFloats leaves the series out that hold what Vigil does not keep. Empty
// lines go last: one would end the command.
func loadsFloats(block []string) string {
	var out strings.Builder
	out.WriteString(strings.Replace(block[0], "load_with_nhcb", "load", 1))
	gone := 0
	for _, line := range block[1:] {
		if strings.Contains(line, "{{") || strings.Contains(line, "@st") {
			gone++
			continue
		}
		out.WriteString(line)
	}
	return out.String() + strings.Repeat("\n", gone)
}
