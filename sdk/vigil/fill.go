package vigil

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFilled bounds what one {{word}} of a parameter stands for, in bytes.
const maxFilled = 256

// stepWords are what a parameter may take beside the labels of the series that
// fires.
func stepWords() []string {
	return []string{"policy", "target", "target.host", "target.kind", "target.name", "value"}
}

// hole is one {{word}} of a parameter.
type hole struct {
	path  string // below with, for example dir or hosts[1]
	at    int    // of the word in the text, from 1
	word  string
	wrong string // why it can never be filled; "" if it can
}

// Fill returns the step with its parameters filled in: each {{word}} in a text
// by what value says of it, a label or one of policy, target, target.kind,
// target.name, target.host and value. What is empty, longer than 256 bytes or has
// a control character in it is refused with code target_out_of_scope, so that
// no parameter means more than its author wrote.
func (s Step) Fill(value func(word string) string) (Step, error) {
	if s.Undo != nil {
		undo, err := s.Undo.Fill(value)
		if err != nil {
			return Step{}, err
		}
		s.Undo = &undo
	}
	if !bytes.Contains(s.With, []byte("{{")) {
		return s, nil
	}
	var bad error
	with, err := s.texts(func(path, text string) string {
		return expandWords(text, func(_ int, word string) string {
			v, why := value(word), ""
			switch {
			case v == "":
				why = "is empty or not there"
			case len(v) > maxFilled:
				why = fmt.Sprintf("has %d bytes, the limit is %d", len(v), maxFilled)
			case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
				why = "has a control character in it"
			}
			if why != "" && bad == nil {
				bad = Errorf(Invalid, "target_out_of_scope", "%s: with.%s: {{%s}} %s", s.Action, path, word, why)
			}
			return v
		})
	})
	switch {
	case err != nil:
		return Step{}, err
	case bad != nil:
		return Step{}, bad
	case len(with) > maxWith:
		return Step{}, Errorf(Invalid, "target_out_of_scope", "%s: with has %d bytes once it is filled in, the limit is %d", s.Action, len(with), maxWith)
	}
	s.With = with
	return s, nil
}

// badHole finds the first {{word}} that can never be filled.
func (s Step) badHole() (h hole, found bool) {
	_, _ = s.texts(func(path, text string) string {
		if name, _, ok := strings.Cut(after(text, "${"), "}"); ok && isLabel(name) && !found {
			at := strings.Index(text, "${") + 1
			h, found = hole{path, at, name, fmt.Sprintf("${%s} is not filled in; write {{%s}}", name, name)}, true
		}
		return expandWords(text, func(at int, word string) string {
			if why := wrongWord(word); why != "" && !found {
				h, found = hole{path, at, word, why}, true
			}
			return ""
		})
	})
	return h, found
}

func after(s, sep string) string {
	_, rest, _ := strings.Cut(s, sep)
	return rest
}

func isLabel(word string) bool { return made(word, lower+upper+"_", digits, 256) }

// unclosed stands for what follows {{ where no }} does.
const unclosed = "{{"

func wrongWord(word string) string {
	if word == unclosed {
		return "{{ is nowhere closed by }}"
	}
	if isLabel(word) || slices.Contains(stepWords(), word) {
		return ""
	}
	if near := Nearest(word, stepWords()); near != "" {
		return fmt.Sprintf("{{%.60s}} is no word; did you mean {{%s}}?", word, near)
	}
	return fmt.Sprintf("{{%.60s}} is no word; want a label's name or one of %s, and nothing else", word, strings.Join(stepWords(), ", "))
}

// expandWords replaces each {{word}} by what value says of it and of its place,
// which counts from 1.
func expandWords(text string, value func(at int, word string) string) string {
	var b strings.Builder
	done := 0
	for {
		i := strings.Index(text[done:], "{{")
		if i < 0 {
			b.WriteString(text[done:])
			return b.String()
		}
		b.WriteString(text[done : done+i])
		inside, _, closed := strings.Cut(text[done+i+2:], "}}")
		word := strings.TrimSpace(inside)
		if !closed {
			word = unclosed
		}
		b.WriteString(value(done+i+1, word))
		if done += i + 2 + len(inside) + 2; done >= len(text) {
			return b.String()
		}
	}
}

// texts has change say what each text of the parameters becomes, in the order of
// their paths. Keys stay as they are.
func (s Step) texts(change func(path, text string) string) (json.RawMessage, error) {
	var tree any
	dec := json.NewDecoder(bytes.NewReader(s.With))
	dec.UseNumber() // digits stay as they were written
	if err := dec.Decode(&tree); err != nil {
		return nil, Errorf(Invalid, "policy_invalid", "with is no JSON: %s", err)
	}
	return json.Marshal(eachText("", tree, change))
}

func eachText(path string, v any, change func(path, text string) string) any {
	switch v := v.(type) {
	case string:
		return change(path, v)
	case []any:
		for i := range v {
			v[i] = eachText(fmt.Sprintf("%s[%d]", path, i), v[i], change)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = eachText(strings.TrimPrefix(path+"."+k, "."), v[k], change)
		}
	}
	return v
}
