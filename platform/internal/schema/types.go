package schema

import (
	"encoding/json"
	"go/ast"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// spot is where in the settings a type stands.
type spot struct {
	path   string
	within []string // the types around it, to see one that holds itself
	listed bool     // in a list or a map, where no default is filled in
}

func (at spot) member(name string) spot {
	at.path = join(at.path, name)
	return at
}

func (at spot) item() spot {
	at.listed = true
	return at
}

// imported are types of other packages whose JSON is known.
func imported() map[string]map[string]any {
	return map[string]map[string]any{
		"vigil.Duration":  {"type": "string", "format": "duration"},
		"vigil.Rate":      {"type": "string"},
		"vigil.Target":    {"type": "string"},
		"time.Time":       {"type": "string", "format": "date-time"},
		"time.Duration":   {"type": "integer"},
		"json.RawMessage": {},
		"json.Number":     {"type": "number"},
	}
}

// of is the schema of a type as encoding/json reads it.
func (src *source) of(t ast.Expr, at spot) (map[string]any, error) {
	switch t := t.(type) {
	case *ast.ParenExpr:
		return src.of(t.X, at)
	case *ast.StarExpr:
		return src.of(t.X, at)
	case *ast.Ident:
		return src.named(t.Name, at)
	case *ast.SelectorExpr:
		if s, ok := imported()[called(t)]; ok {
			return s, nil
		}
	case *ast.InterfaceType:
		return map[string]any{}, nil
	case *ast.ArrayType:
		if id, ok := t.Elt.(*ast.Ident); ok && id.Name == "byte" {
			return map[string]any{"type": "string"}, nil
		}
		items, err := src.of(t.Elt, at.item())
		return map[string]any{"type": "array", "items": items}, err
	case *ast.MapType:
		others, err := src.of(t.Value, at.item())
		return map[string]any{"type": "object", "additionalProperties": others}, err
	case *ast.StructType:
		return src.object(t, at)
	}
	return nil, unreadable("%s: the build cannot tell what JSON a %s is", at.path, called(t)).
		With("field", at.path).Hinted("give %s a type of this package, of numbers, texts, lists and structs", at.path)
}

func (src *source) named(name string, at spot) (map[string]any, error) {
	if how, ok := src.reads[name]; ok {
		if how == "" {
			return map[string]any{}, nil
		}
		return map[string]any{"type": how}, nil
	}
	if own, ok := src.types[name]; ok {
		if slices.Contains(at.within, name) {
			return nil, unreadable("%s: type %s holds itself", at.path, name).With("field", at.path)
		}
		at.within = append(slices.Clip(at.within), name)
		return src.of(own, at)
	}
	switch {
	case name == "string":
		return map[string]any{"type": "string"}, nil
	case name == "bool":
		return map[string]any{"type": "boolean"}, nil
	case name == "any":
		return map[string]any{}, nil
	case strings.HasPrefix(name, "float"):
		return map[string]any{"type": "number"}, nil
	case strings.HasPrefix(name, "uint"), name == "byte":
		return map[string]any{"type": "integer", "minimum": 0.0}, nil
	case strings.HasPrefix(name, "int"), name == "rune":
		return map[string]any{"type": "integer"}, nil
	}
	return nil, unreadable("%s: type %s is not declared in this package", at.path, name).With("field", at.path)
}

func (src *source) object(t *ast.StructType, at spot) (map[string]any, error) {
	m := members{properties: map[string]any{}}
	err := src.members(t, at, &m)
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": m.properties}
	if len(m.required) > 0 {
		slices.Sort(m.required)
		s["required"] = m.required
	}
	return s, err
}

// members are those of one object.
type members struct {
	properties map[string]any
	required   []string
}

// members adds the fields of a struct, those of embedded ones too.
func (src *source) members(t *ast.StructType, at spot, into *members) error {
	for _, f := range t.Fields.List {
		tag := reflect.StructTag("")
		if f.Tag != nil {
			text, _ := strconv.Unquote(f.Tag.Value) // the parser has read it
			tag = reflect.StructTag(text)
		}
		if err := src.field(f, tag, at, into); err != nil {
			return err
		}
	}
	return nil
}

func (src *source) field(f *ast.Field, tag reflect.StructTag, at spot, into *members) error {
	given, options, _ := strings.Cut(tag.Get("json"), ",")
	if len(f.Names) == 0 && given == "" {
		if own, ok := src.types[base(f.Type)].(*ast.StructType); ok {
			return src.members(own, at, into)
		}
		return unreadable("%s: the build cannot see what is embedded", called(f.Type))
	}
	names := f.Names
	if len(names) == 0 {
		names = []*ast.Ident{ast.NewIdent(strings.TrimPrefix(called(f.Type), "*"))}
	}
	for _, id := range names {
		if !id.IsExported() || tag.Get("json") == "-" {
			continue
		}
		name := given
		if name == "" {
			name = id.Name
		}
		here := at.member(name)
		if strings.Contains(options, "string") {
			return unreadable("%s: the option string of a json tag is not read", here.path).With("field", here.path)
		}
		s, err := src.of(f.Type, here)
		if err == nil {
			err = describe(s, tag, here)
		}
		if err != nil {
			return err
		}
		if _, optional := f.Type.(*ast.StarExpr); !optional && !zeroFits(s) {
			into.required = append(into.required, name)
		}
		into.properties[name] = s
	}
	return nil
}

// zeroFits reports whether a member may be left out: what it is then keeps its
// tags, too.
func zeroFits(s map[string]any) bool {
	if s["default"] != nil {
		return true
	}
	zero := map[any]any{"number": 0.0, "integer": 0.0, "string": "", "boolean": false, "object": map[string]any{}, "array": []any{}}
	own, err := compiled(s)
	return err != nil || own.check(zero[s["type"]], "") == nil
}

func compiled(s map[string]any) (*Schema, error) {
	doc, err := json.Marshal(s)
	if err != nil {
		return nil, unreadable("%s", err)
	}
	return Parse(doc)
}

// describe adds what a field's tags say.
func describe(s map[string]any, tag reflect.StructTag, at spot) error {
	if doc := tag.Get("doc"); doc != "" {
		s["description"] = doc
	}
	if err := limit(s, tag, at); err != nil {
		return err
	}
	if text, ok := tag.Lookup("enum"); ok {
		var all []any
		for one := range strings.SplitSeq(text, ",") {
			all = append(all, literal(s["type"], one))
		}
		s["enum"] = all
	}
	text, ok := tag.Lookup("default")
	if !ok {
		return nil
	}
	if at.listed {
		return unreadable("%s: no default is filled in within a list", at.path).With("field", at.path)
	}
	s["default"] = literal(s["type"], text)
	own, err := compiled(s)
	if err != nil {
		return err
	}
	if m := own.check(s["default"], at.path); m != nil {
		return unreadable("tag default of %s", m).With("field", at.path)
	}
	return nil
}

// limit adds the limits of a field's tags.
func limit(s map[string]any, tag reflect.StructTag, at spot) error {
	for name, word := range map[string]string{"min": "minimum", "max": "maximum"} {
		text, ok := tag.Lookup(name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || s["type"] != "number" && s["type"] != "integer" {
			return unreadable("%s: tag %s is for numbers, and is one", at.path, name).With("field", at.path)
		}
		s[word] = v
	}
	for _, word := range []string{"pattern", "format"} {
		text, ok := tag.Lookup(word)
		if !ok {
			continue
		}
		if s["type"] != "string" {
			return unreadable("%s: tag %s is for texts", at.path, word).With("field", at.path)
		}
		s[word] = text
		if _, err := compiled(s); err != nil {
			return unreadable("%s: tag %s: %s", at.path, word, vigil.AsError(err).Msg).With("field", at.path)
		}
	}
	return nil
}

// literal reads a tag's value: text where a string is wanted, else JSON, else
// text, for types that read themselves.
func literal(wanted any, text string) any {
	var v any
	if wanted != "string" && json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	return text
}
