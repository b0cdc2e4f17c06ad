package command

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// line is a command line with its placeholders, checked.
type line []word

// word is one word of it: fixed text and placeholders, which are filled in
// between.
type word []part

// part is text, or a placeholder if grammar is not nil.
type part struct {
	text    string // the text, or the placeholder's name
	grammar *grammar
}

// parse reads a command line. A placeholder is a whole word, or stands in one
// after fixed text. It can then be an option only where it is a whole word
// before "--", and there its grammar must not allow one to begin.
func parse(argv []string, args map[string]Arg) (l line, field, says string) {
	grammars := make(map[string]*grammar, len(args))
	for _, name := range slices.Sorted(maps.Keys(args)) {
		g, says := compile(args[name])
		if says != "" || !placeholderName(name) {
			return nil, "args." + name, cmp.Or(says, "a name is a lower case letter and then such letters, digits and underscores")
		}
		grammars[name] = g
	}
	used := map[string]bool{}
	options := true // until "--"
	for _, text := range argv {
		if len(text) > maxWord || strings.ContainsAny(text, "\x00\n\r") {
			return nil, "argv", "a word is at most 4096 bytes and holds no line break or NUL"
		}
		w, says := parseWord(text, grammars, used)
		if says == "" {
			says = w.optional(options)
		}
		if says != "" {
			return nil, "argv", says
		}
		l = append(l, w)
		options = options && text != "--"
	}
	for name := range grammars {
		if !used[name] {
			return nil, "args." + name, "no word of argv has this placeholder"
		}
	}
	return l, "", ""
}

func parseWord(text string, grammars map[string]*grammar, used map[string]bool) (w word, says string) {
	for rest := text; rest != ""; {
		before, after, open := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return nil, "a closing brace without an opening one"
		}
		if before != "" {
			w = append(w, part{text: before})
		}
		if !open {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		g := grammars[name]
		if !closed || g == nil {
			return nil, "braces stand around the name of an argument and nothing else"
		}
		used[name] = true
		w = append(w, part{text: name, grammar: g})
		rest = tail
	}
	return w, ""
}

// optional says how a value could be taken for an option, "" if it cannot.
func (w word) optional(options bool) (says string) {
	at := slices.IndexFunc(w, func(p part) bool { return p.grammar != nil })
	switch {
	case at < 0:
		return ""
	case at > 0 && strings.HasPrefix(w[0].text, "-") && !strings.Contains(w[0].text, "="):
		return "a placeholder cannot be part of an option's name: write --name={" + w[at].text + "}, or two words"
	case at > 0:
		return ""
	case len(w) > 1:
		return "a placeholder is a whole word, or stands after fixed text"
	case w[0].grammar.mayBegin('@'):
		return "the pattern of " + w[0].text + " allows a leading @, which many programs take for the name of a file of arguments"
	case options && w[0].grammar.mayBegin('-'):
		return "the pattern of " + w[0].text + " allows a leading dash: exclude it, or put -- before the placeholder"
	}
	return ""
}

// fill puts the values in. Each placeholder must have one and each value a
// placeholder.
func (l line) fill(name string, values map[string]string) ([]string, error) {
	denied := func(format string, args ...any) ([]string, error) {
		return nil, vigil.Errorf(vigil.Held, "arg_denied", "command "+name+": "+format, args...)
	}
	used := map[string]bool{}
	argv := make([]string, 0, len(l))
	for _, w := range l {
		var b strings.Builder
		for _, p := range w {
			if p.grammar == nil {
				b.WriteString(p.text)
				continue
			}
			v, given := values[p.text]
			if !given {
				return denied("argument %s is missing", p.text)
			}
			if !p.grammar.allows(v) {
				return denied("argument %s: %.100q is not %.200s of at most %d bytes", p.text, v, p.grammar.source, p.grammar.most)
			}
			used[p.text] = true
			b.WriteString(v)
		}
		argv = append(argv, b.String())
	}
	for _, given := range slices.Sorted(maps.Keys(values)) {
		if !used[given] {
			return denied("there is no argument %.60q", given)
		}
	}
	return argv, nil
}

// oneLine reports whether a value is text without control characters.
func oneLine(v string) bool {
	return utf8.ValidString(v) && !strings.ContainsFunc(v, unicode.IsControl)
}

func placeholderName(s string) bool {
	return s != "" && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" // nothing else at an end, so nothing else
}
