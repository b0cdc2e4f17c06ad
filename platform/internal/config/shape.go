package config

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// misfit finds the first value of a document that a type of the dictionary has
// no place for, by the names that the type has in JSON. What the dictionary
// parses itself is tried where it stands. It says nothing of what it cannot
// tell: the dictionary's own parser comes after it.
func misfit(n *yaml.Node, t reflect.Type) *wrong {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if parses(t) {
		return refused(n, t)
	}
	switch t.Kind() {
	case reflect.Struct:
		return strange(n, t)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return wrongAt(n, "want a list, each of its items after a dash or all in [ ]")
		}
		for _, item := range n.Content {
			if bad := misfit(item, t.Elem()); bad != nil {
				return bad
			}
		}
	case reflect.String:
		switch {
		case n.Kind != yaml.ScalarNode:
			return wrongAt(n, "want a text")
		case n.ShortTag() != "!!str":
			return wrongAt(n, "want a text: put it in quotes, %.40q", n.Value)
		}
	case reflect.Int, reflect.Int64:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" {
			return wrongAt(n, "want a whole number")
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			return wrongAt(n, "want true or false")
		}
	default:
	}
	return nil
}

// strange finds the first key of a mapping that the struct does not have.
func strange(n *yaml.Node, t reflect.Type) *wrong {
	known := map[string]reflect.Type{}
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = f.Type
		names = append(names, name)
	}
	if n.Kind != yaml.MappingNode {
		return wrongAt(n, "want keys with values, of %s", strings.Join(names, ", "))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, ok := known[key.Value]
		switch {
		case key.ShortTag() == "!!merge": // its keys are seen where they are merged
		case ok:
			if bad := misfit(value, field); bad != nil {
				return bad
			}
		default:
			bad := wrongAt(key, "unknown field %.60q", key.Value)
			if near := vigil.Nearest(key.Value, names); near != "" {
				bad.err.Msg += "; did you mean " + near + "?"
			}
			bad.err = bad.err.Hinted("known there: %s", strings.Join(names, ", "))
			return bad
		}
	}
	return nil
}

// parses reports whether values of a type read themselves.
func parses(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || p.Implements(reflect.TypeFor[json.Unmarshaler]())
}

// refused has the type read a scalar, and returns what it says against it. Of
// what is no scalar the type speaks later, with its own fields.
func refused(n *yaml.Node, t reflect.Type) *wrong {
	into := reflect.New(t).Interface()
	var err error
	switch into := into.(type) {
	case json.Unmarshaler:
		var v any
		if n.Kind != yaml.ScalarNode || n.Load(&v) != nil {
			return nil
		}
		raw, unsayable := json.Marshal(v)
		if unsayable != nil {
			return nil
		}
		err = into.UnmarshalJSON(raw)
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			return wrongAt(n, "want a text, for example 30s")
		}
		err = into.UnmarshalText([]byte(n.Value))
	}
	if err == nil {
		return nil
	}
	return &wrong{n, vigil.AsError(err)}
}
