package ingest

import (
	"math"
	"strconv"
	"strings"
)

func (d *lines) peek() byte {
	if d.at < len(d.b) {
		return d.b[d.at]
	}
	return 0
}

func (d *lines) spaces() {
	for d.at < len(d.b) && d.b[d.at] == ' ' {
		d.at++
	}
}

// word reads a name or a tag's value up to a comma, a space or an equals sign
// that no backslash stands before; in a measurement an equals sign is a sign
// like any other. ok is false where the line ends first.
func (d *lines) word(measurement bool) (word []byte, ok bool) {
	start := d.at
	escaped := false
	for ; d.at < len(d.b); d.at++ {
		switch c := d.b[d.at]; {
		case c > '=' && c != '\\':
		case c == ',' || c == ' ' || c == '=' && !measurement:
			if word = d.b[start:d.at]; escaped {
				word = unescaped(word)
			}
			return word, true
		case c == '\n':
			return nil, false
		case c == '\\' && d.at+1 < len(d.b) && strings.IndexByte(",= ", d.b[d.at+1]) >= 0:
			escaped = true
			d.at++
		}
	}
	return nil, false
}

// unescaped drops the backslashes that stand before a comma, an equals sign or a
// space; any other is itself.
func unescaped(word []byte) []byte {
	out := make([]byte, 0, len(word))
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) && strings.IndexByte(",= ", word[i+1]) >= 0 {
			i++
		}
		out = append(out, word[i])
	}
	return out
}

// text reads over a quoted text, in which lines may end.
func (d *lines) text() bool {
	for d.at++; d.at < len(d.b); d.at++ {
		switch d.b[d.at] {
		case '"':
			d.at++
			return true
		case '\\':
			d.at++
		}
	}
	d.at = len(d.b)
	return false
}

// number reads a float, an integer with an i or u behind it, or true or false.
func (d *lines) number() (v float64, code string) {
	start := d.at
	for d.at < len(d.b) && strings.IndexByte(", \n\r", d.b[d.at]) < 0 {
		d.at++
	}
	word := d.b[start:d.at]
	switch string(word) {
	case "":
		return 0, "line_invalid"
	case "t", "T", "true", "True", "TRUE":
		return 1, ""
	case "f", "F", "false", "False", "FALSE":
		return 0, ""
	}
	switch word[len(word)-1] {
	case 'i':
		n, err := strconv.ParseInt(string(word[:len(word)-1]), 10, 64)
		return float64(n), orInvalid(err)
	case 'u':
		n, err := strconv.ParseUint(string(word[:len(word)-1]), 10, 64)
		return float64(n), orInvalid(err)
	}
	v, err := strconv.ParseFloat(string(word), 64)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0): // by name, or too large
		return 0, "sample_not_finite"
	case err != nil || strings.ContainsAny(string(word), "xXpP_"): // Go's own ways to write a number
		return 0, "line_invalid"
	}
	return v, ""
}

func orInvalid(err error) string {
	if err != nil {
		return "line_invalid"
	}
	return ""
}

// integer reads digits with or without a sign.
func (d *lines) integer() (int64, bool) {
	start := d.at
	for d.at < len(d.b) && (d.b[d.at] == '-' || d.b[d.at] >= '0' && d.b[d.at] <= '9') {
		d.at++
	}
	n, err := strconv.ParseInt(string(d.b[start:d.at]), 10, 64)
	return n, err == nil
}
