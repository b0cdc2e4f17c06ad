package conformance

import (
	"regexp"
	"strings"
)

// floats returns a script without what needs native histograms or start
// timestamps: the series that have them, and the evaluations that expect a
// histogram. It returns how many evaluations were left out.
func floats(script string) (kept string, left int) {
	command := regexp.MustCompile(`^(load|load_with_nhcb|eval|eval_\w+|clear|ignore|resume)\b`)
	var blocks [][]string
	for line := range strings.Lines(script) {
		if command.MatchString(line) || len(blocks) == 0 {
			blocks = append(blocks, nil)
		}
		last := len(blocks) - 1
		blocks[last] = append(blocks[last], line)
	}
	var out strings.Builder
	for _, b := range blocks {
		switch head, whole := b[0], strings.Join(b, ""); {
		case strings.HasPrefix(head, "eval") && (strings.Contains(whole, "{{") || strings.Contains(whole, "histogram")):
			left++
		case strings.HasPrefix(head, "load"):
			out.WriteString(strings.Replace(head, "load_with_nhcb", "load", 1))
			for _, line := range b[1:] {
				if !strings.Contains(line, "{{") && !strings.Contains(line, "@st") {
					out.WriteString(line)
				}
			}
		default:
			out.WriteString(whole)
		}
	}
	return out.String(), left
}
