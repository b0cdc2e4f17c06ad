package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Draft is the dialect that every schema is read as.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// Bounds of one schema.
const (
	maxSize  = 64 << 10 // bytes
	maxDepth = 16       // schemas within schemas
)

// Schema says what a value may be. The zero value allows anything.
type Schema struct {
	Types       []string // of the value; empty allows all
	Properties  map[string]*Schema
	Required    []string
	Closed      bool    // other members than Properties are refused
	Others      *Schema // what other members may be; nil allows anything
	Items       *Schema
	MinItems    *float64
	MaxItems    *float64
	MinLength   *float64 // in characters
	MaxLength   *float64
	Pattern     *regexp.Regexp // found anywhere in a text, unless it says ^ and $
	Format      string         // of a text, one of formats
	Minimum     *float64
	Maximum     *float64
	Over        *float64 // exclusiveMinimum
	Under       *float64 // exclusiveMaximum
	Enum        []any
	AnyOf       []*Schema
	OneOf       []*Schema
	Default     any
	Description string
}

// words are what a schema may say, and how it is read.
func words() map[string]func(s *Schema, raw json.RawMessage, p place) error {
	number := func(field func(s *Schema) **float64) func(*Schema, json.RawMessage, place) error {
		return func(s *Schema, raw json.RawMessage, p place) error { return p.read(raw, field(s), "a number") }
	}
	note := func(*Schema, json.RawMessage, place) error { return nil }
	return map[string]func(s *Schema, raw json.RawMessage, p place) error{
		"$schema":  readDraft,
		"title":    note,
		"examples": note,
		"type":     readTypes,
		"enum":     func(s *Schema, raw json.RawMessage, p place) error { return p.read(raw, &s.Enum, "a list") },
		"default":  func(s *Schema, raw json.RawMessage, p place) error { return p.read(raw, &s.Default, "a value") },
		"required": func(s *Schema, raw json.RawMessage, p place) error {
			return p.read(raw, &s.Required, "a list of names")
		},
		"description": func(s *Schema, raw json.RawMessage, p place) error {
			return p.read(raw, &s.Description, "a text")
		},
		"properties":           readProperties,
		"additionalProperties": readOthers,
		"items": func(s *Schema, raw json.RawMessage, p place) (err error) {
			s.Items, err = parse(raw, p)
			return err
		},
		"anyOf":            func(s *Schema, raw json.RawMessage, p place) error { return p.several(raw, &s.AnyOf) },
		"oneOf":            func(s *Schema, raw json.RawMessage, p place) error { return p.several(raw, &s.OneOf) },
		"pattern":          readPattern,
		"format":           readFormat,
		"minimum":          number(func(s *Schema) **float64 { return &s.Minimum }),
		"maximum":          number(func(s *Schema) **float64 { return &s.Maximum }),
		"exclusiveMinimum": number(func(s *Schema) **float64 { return &s.Over }),
		"exclusiveMaximum": number(func(s *Schema) **float64 { return &s.Under }),
		"minItems":         number(func(s *Schema) **float64 { return &s.MinItems }),
		"maxItems":         number(func(s *Schema) **float64 { return &s.MaxItems }),
		"minLength":        number(func(s *Schema) **float64 { return &s.MinLength }),
		"maxLength":        number(func(s *Schema) **float64 { return &s.MaxLength }),
	}
}

// place is where in a schema something stands.
type place struct {
	path     string
	depth    int
	patterns *int // how many the whole schema has so far
}

func (p place) in(name string) place {
	return place{strings.TrimPrefix(p.path+"."+name, "."), p.depth + 1, p.patterns}
}

func (p place) refuse(format string, args ...any) error {
	at := "settings"
	if p.path != "" {
		at += "." + p.path
	}
	return vigil.Errorf(vigil.Invalid, "module_schema", "schema of %.256s: %s", at, fmt.Sprintf(format, args...)).With("path", fmt.Sprintf("%.256s", p.path))
}

func (p place) read(raw json.RawMessage, into any, want string) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return p.refuse("want %s", want)
	}
	return nil
}

func (p place) several(raw json.RawMessage, into *[]*Schema) error {
	var all []json.RawMessage
	if err := p.read(raw, &all, "a list of schemas"); err != nil {
		return err
	}
	for _, one := range all {
		s, err := parse(one, p.in("alternative"))
		if err != nil {
			return err
		}
		*into = append(*into, s)
	}
	return nil
}

// Parse reads a schema; nothing at all allows anything. A word that Check would
// not heed is refused with its path.
func Parse(doc []byte) (*Schema, error) {
	if len(bytes.TrimSpace(doc)) == 0 {
		return new(Schema), nil
	}
	if len(doc) > maxSize {
		return nil, vigil.Errorf(vigil.TooLarge, "module_schema", "the schema of settings has %d bytes, the limit is %d", len(doc), maxSize)
	}
	return parse(doc, place{patterns: new(int)})
}

func parse(doc json.RawMessage, p place) (*Schema, error) {
	if p.depth > maxDepth {
		return nil, p.refuse("more than %d schemas within each other", maxDepth)
	}
	var members map[string]json.RawMessage
	if err := p.read(doc, &members, "an object"); err != nil {
		return nil, err
	}
	s, known := new(Schema), words()
	for _, word := range slices.Sorted(maps.Keys(members)) {
		read, ok := known[word]
		if !ok {
			return nil, p.refuse("%.64q is no word that is checked; there are %s", word, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := read(s, members[word], p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func readDraft(_ *Schema, raw json.RawMessage, p place) error {
	var draft string
	if err := p.read(raw, &draft, "a text"); err != nil {
		return err
	}
	if draft != Draft {
		return p.refuse("$schema is %.128q, want %s", draft, Draft)
	}
	return nil
}

func readTypes(s *Schema, raw json.RawMessage, p place) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		s.Types = []string{one}
	} else if err := p.read(raw, &s.Types, "the name of a type, or several"); err != nil {
		return err
	}
	for _, t := range s.Types {
		if !slices.Contains([]string{"object", "array", "string", "number", "integer", "boolean", "null"}, t) {
			return p.refuse("%.64q is no type of JSON", t)
		}
	}
	return nil
}

func readProperties(s *Schema, raw json.RawMessage, p place) error {
	var members map[string]json.RawMessage
	if err := p.read(raw, &members, "an object of schemas"); err != nil {
		return err
	}
	s.Properties = make(map[string]*Schema, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		one, err := parse(members[name], p.in(name))
		if err != nil {
			return err
		}
		s.Properties[name] = one
	}
	return nil
}

func readOthers(s *Schema, raw json.RawMessage, p place) (err error) {
	var open bool
	if json.Unmarshal(raw, &open) == nil {
		s.Closed = !open
		return nil
	}
	s.Others, err = parse(raw, p.in("*"))
	return err
}

func whole(v float64) bool { return v == math.Trunc(v) }
