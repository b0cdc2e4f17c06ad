package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxDocument bounds a configuration or policy document, in bytes.
const maxDocument = 1 << 20

// Decode reads one YAML document into out, refusing keys that out does not
// have and keys given twice. The error names file:line:column and shows the
// line with a caret.
func Decode(file string, doc []byte, out any) error {
	if len(doc) > maxDocument {
		return tooLarge(file)
	}
	_, err := load(file, doc, out)
	return err
}

func tooLarge(file string) error {
	return vigil.Errorf(vigil.TooLarge, "document_too_large", "%s: larger than %d bytes", file, maxDocument)
}

// load is Decode, and returns the document's root too; nil if it is empty.
func load(file string, doc []byte, out any) (*yaml.Node, error) {
	if len(strings.TrimSpace(string(doc))) == 0 {
		return nil, nil
	}
	var whole yaml.Node
	if err := yaml.Load(doc, &whole); err != nil {
		return nil, unreadable(file, doc, err)
	}
	if len(whole.Content) != 1 {
		return nil, nil
	}
	root := whole.Content[0]
	if _, bad := (&form{sizes: map[*yaml.Node]int{}}).size(root); bad != nil {
		return nil, bad.in(file, doc)
	}
	if err := yaml.Load(doc, out, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return nil, unreadable(file, doc, err)
	}
	return root, nil
}

// unreadable is the library's error with the place. Where it knows none, the
// document ends too early, unless what is wrong can be found.
func unreadable(file string, doc []byte, err error) error {
	line, column, msg := where(err)
	if line == 0 || line > bytes.Count(doc, []byte("\n"))+1 {
		line, column = astray(doc)
	}
	return vigil.Errorf(vigil.Invalid, "config_invalid", "%s", point(file, doc, line, column, msg))
}

// astray finds a control character, a second document or else the last line.
func astray(doc []byte) (line, column int) {
	control := bytes.IndexFunc(doc, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f })
	second := bytes.Index(doc, []byte("\n---")) + 1
	at := len(bytes.TrimRight(doc, "\n"))
	switch {
	case control >= 0:
		at = control
	case second > 0:
		at = second
	}
	begin := bytes.LastIndexByte(doc[:at], '\n') + 1
	return bytes.Count(doc[:at], []byte("\n")) + 1, at - begin + 1
}

// where finds the first position in a YAML error.
func where(err error) (line, column int, msg string) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		err = many.Errors[0]
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		line, column = one.Mark.Line, one.Mark.Column
		if line == 0 {
			line, column = one.ContextMark.Line, one.ContextMark.Column
		}
		msg, _, _ = strings.Cut(one.Message, " in type ") // Go's names mean nothing to an operator
		return line, column, msg
	}
	return 0, 0, err.Error()
}

// point renders file:line:column: message, the line, and a caret under the
// column.
func point(file string, doc []byte, line, column int, msg string) string {
	lines := strings.Split(string(doc), "\n")
	if line < 1 || line > len(lines) {
		return fmt.Sprintf("%s: %s", file, msg)
	}
	text := strings.ReplaceAll(lines[line-1], "\t", " ")
	if column < 1 {
		column = len(text) - len(strings.TrimLeft(text, " ")) + 1
	}
	text, caret := window(text, column-1)
	return fmt.Sprintf("%s:%d:%d: %s\n  %s\n  %s^", file, line, column, msg, text, strings.Repeat(" ", caret))
}

// window cuts a long line to what a terminal shows around a position, and
// answers where the position is then.
func window(text string, at int) (shown string, then int) {
	const wide = 76
	at = min(at, len(text))
	if len(text) <= wide {
		return text, at
	}
	from := max(0, min(at-wide/2, len(text)-wide))
	return strings.ToValidUTF8(text[from:from+wide], "?"), at - from
}

// JSON turns a YAML document into JSON, for the dictionary's own strict
// parsers. JSON is YAML, so it passes through.
func JSON(file string, doc []byte) ([]byte, error) { return toJSON(file, doc, nil) }

// PolicyJSON is JSON for a policy: what the dictionary has no place for is
// pointed at before it is asked.
func PolicyJSON(file string, doc []byte) ([]byte, error) {
	return toJSON(file, doc, reflect.TypeFor[vigil.Policy]())
}

// toJSON holds the document against a type, unless that is nil.
func toJSON(file string, doc []byte, t reflect.Type) ([]byte, error) {
	if len(doc) > maxDocument {
		return nil, tooLarge(file)
	}
	var tree any
	root, err := load(file, doc, &tree)
	if err != nil {
		return nil, err
	}
	if root != nil {
		bad := sayable(root)
		if bad == nil && t != nil {
			bad = misfit(root, t)
		}
		if bad != nil {
			return nil, bad.in(file, doc)
		}
	}
	plain, err := jsonable(tree)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "config_invalid", "%s: %v", file, err)
	}
	out, err := json.Marshal(plain)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "config_invalid", "%s: %v", file, err)
	}
	return out, nil
}

// jsonable replaces the maps that JSON cannot say.
func jsonable(v any) (any, error) {
	switch v := v.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			s, ok := k.(string)
			if !ok {
				return nil, fmt.Errorf("key %v is no text", k)
			}
			j, err := jsonable(e)
			if err != nil {
				return nil, err
			}
			out[s] = j
		}
		return out, nil
	case map[string]any:
		for k, e := range v {
			j, err := jsonable(e)
			if err != nil {
				return nil, err
			}
			v[k] = j
		}
	case []any:
		for i, e := range v {
			j, err := jsonable(e)
			if err != nil {
				return nil, err
			}
			v[i] = j
		}
	}
	return v, nil
}

// Policy reads one policy document, YAML or JSON, strictly. A key that the
// dictionary does not know is pointed at in the document.
func Policy(file string, doc []byte) (vigil.Policy, error) {
	raw, err := PolicyJSON(file, doc)
	if err != nil {
		return vigil.Policy{}, err
	}
	p, err := vigil.ParsePolicy(raw)
	if err != nil {
		return vigil.Policy{}, Pointed(file, doc, err)
	}
	return p, nil
}

// PolicyFile reads a policy from a file, and returns the document too, for
// Pointed.
func PolicyFile(file string) (p vigil.Policy, doc []byte, err error) {
	doc, err = readMost(file, maxDocument+1)
	if err != nil {
		return vigil.Policy{}, nil, fmt.Errorf("read policy: %w", err)
	}
	p, err = Policy(file, doc)
	return p, doc, err
}

// Pointed adds to an error about a document where in it the trouble lies, if
// the error names a key of it.
func Pointed(file string, doc []byte, err error) error {
	var e *vigil.Error
	if !errors.As(err, &e) {
		return err
	}
	line, column := locate(doc, e)
	if line == 0 {
		return err
	}
	if l, c := inside(doc, e); l > 0 {
		line, column = l, c
	}
	pointed := *e
	pointed.Msg = point(file, doc, line, column, e.Msg)
	return &pointed
}

// PointedFile is Pointed for an error about a configuration file, "" and nil
// being none.
func PointedFile(file string, err error) error {
	if file == "" || err == nil {
		return err
	}
	doc, readErr := readMost(file, maxDocument)
	if readErr != nil {
		return err
	}
	return Pointed(file, doc, err)
}

// locate finds the key an error is about: the field it carries, by its path or
// the path's last part, or the one it quotes as unknown.
func locate(doc []byte, e *vigil.Error) (line, column int) {
	path, _ := e.Fields["field"].(string)
	key := last(path)
	if _, rest, ok := strings.Cut(e.Msg, `unknown field "`); ok {
		key, _, _ = strings.Cut(rest, `"`)
	}
	var root yaml.Node
	if value, ok := quoted(e); key == "" && ok && yaml.Load(doc, &root) == nil {
		return findValue(&root, value)
	}
	if key == "" || yaml.Load(doc, &root) != nil {
		return 0, 0
	}
	if len(root.Content) != 1 {
		return 0, 0
	}
	if path != key {
		if line, column := descend(root.Content[0], path); line > 0 {
			return line, column
		}
	}
	if line, column := find(&root, key); line > 0 {
		return line, column
	}
	return root.Content[0].Line, root.Content[0].Column // what is missing is missed there
}

// descend follows a path of keys as far as the document goes, at least one key.
// A key may have dots in it, so the longest that fits is taken. After a key may
// stand which item of a list is meant, as in runbook[1].action.
func descend(n *yaml.Node, path string) (line, column int) {
	var best *yaml.Node
	rest := ""
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		after, ok := strings.CutPrefix(path, n.Content[i].Value)
		if ok && (after == "" || after[0] == '.' || after[0] == '[') && (best == nil || len(after) < len(rest)) {
			best, rest = n.Content[i+1], after
			line, column = n.Content[i].Line, n.Content[i].Column
		}
	}
	if inner, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok && inner != rest {
		at, err := strconv.Atoi(inner)
		if err != nil || best.Kind != yaml.SequenceNode || at >= len(best.Content) {
			return line, column
		}
		best, rest = best.Content[at], after
		line, column = best.Line, best.Column
	}
	if rest = strings.TrimPrefix(rest, "."); best != nil && rest != "" {
		if l, c := descend(best, rest); l > 0 {
			return l, c
		}
	}
	return line, column
}

// quoted is the value that an error of the dictionary's own small words begins
// with: a duration, a rate, a share or a size.
func quoted(e *vigil.Error) (value string, ok bool) {
	if e.Kind != vigil.Invalid || !strings.HasPrefix(e.Code, "bad_") {
		return "", false
	}
	_, rest, _ := strings.Cut(e.Msg, `"`)
	value, _, ok = strings.Cut(rest, `"`)
	return value, ok
}

func findValue(n *yaml.Node, value string) (line, column int) {
	if n.Kind == yaml.ScalarNode && n.Value == value {
		return n.Line, n.Column
	}
	for _, c := range n.Content {
		if l, col := findValue(c, value); l > 0 {
			return l, col
		}
	}
	return 0, 0
}

func find(n *yaml.Node, key string) (line, column int) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == key {
			return c.Line, c.Column
		}
		if l, col := find(c, key); l > 0 {
			return l, col
		}
	}
	return 0, 0
}

// YAML renders anything that JSON can say, with JSON's names, as YAML.
func YAML(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("render yaml: %w", err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("render yaml: %w", err)
	}
	return yaml.Dump(tree)
}
