package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Mistake is the first thing in a document that its schema does not allow.
// Path leads to it, for example bands[2].above; Code is one of those that a
// guest gives for the same: settings_json, settings_unknown_field,
// settings_type, settings_invalid.
type Mistake struct{ Path, Code, Message string }

// Error renders the path, if there is one, and the message.
func (m *Mistake) Error() string {
	if m.Path == "" {
		return m.Message
	}
	return m.Path + ": " + m.Message
}

// Check holds settings, a JSON object or nothing at all, against a schema as a
// manifest has it. What is wrong is settings_invalid with the field and the
// reason, as a guest says it.
func Check(schema, settings []byte) error {
	s, err := Parse(schema)
	if err != nil {
		return err
	}
	if m := s.Check(settings); m != nil {
		return vigil.Errorf(vigil.Invalid, "settings_invalid", "%.1024s", m.Error()).
			With("field", fmt.Sprintf("%.256s", m.Path)).With("reason", m.Code)
	}
	return nil
}

// Check returns the first mistake in a document; nil if there is none.
func (s *Schema) Check(doc []byte) *Mistake {
	if len(doc) == 0 {
		doc = []byte("{}")
	}
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return &Mistake{"", "settings_json", "not one valid JSON document"}
	}
	if v == nil {
		v = map[string]any{}
	}
	return s.check(v, "")
}

func (s *Schema) check(v any, path string) *Mistake {
	invalid := func(format string, args ...any) *Mistake {
		return &Mistake{path, "settings_invalid", fmt.Sprintf(format, args...)}
	}
	if len(s.Types) > 0 && !slices.ContainsFunc(s.Types, func(t string) bool { return is(v, t) }) {
		return &Mistake{path, "settings_type", "got " + kind(v) + ", want " + alternatives(s.Types)}
	}
	if len(s.Enum) > 0 && !slices.ContainsFunc(s.Enum, func(e any) bool { return reflect.DeepEqual(e, v) }) {
		return invalid("must be one of %s", listed(s.Enum))
	}
	var m *Mistake
	switch v := v.(type) {
	case float64:
		m = s.checkNumber(v, invalid)
	case string:
		m = s.checkText(v, invalid)
	case []any:
		m = s.checkItems(v, path, invalid)
	case map[string]any:
		m = s.checkMembers(v, path)
	}
	if m == nil {
		m = s.checkAlternatives(v, path)
	}
	return m
}

type refusal func(format string, args ...any) *Mistake

func (s *Schema) checkNumber(v float64, invalid refusal) *Mistake {
	switch {
	case s.Minimum != nil && v < *s.Minimum:
		return invalid("must be at least %v", *s.Minimum)
	case s.Maximum != nil && v > *s.Maximum:
		return invalid("must be at most %v", *s.Maximum)
	case s.Over != nil && v <= *s.Over:
		return invalid("must be more than %v", *s.Over)
	case s.Under != nil && v >= *s.Under:
		return invalid("must be less than %v", *s.Under)
	}
	return nil
}

func bounds(n float64, least, most *float64, what string, invalid refusal) *Mistake {
	switch {
	case least != nil && n < *least:
		return invalid("has %v %s, must have at least %v", n, what, *least)
	case most != nil && n > *most:
		return invalid("has %v %s, must have at most %v", n, what, *most)
	}
	return nil
}

func (s *Schema) checkItems(items []any, path string, invalid refusal) *Mistake {
	if m := bounds(float64(len(items)), s.MinItems, s.MaxItems, "items", invalid); m != nil || s.Items == nil {
		return m
	}
	for i, item := range items {
		if m := s.Items.check(item, path+"["+strconv.Itoa(i)+"]"); m != nil {
			return m
		}
	}
	return nil
}

// checkMembers names unknown members first, as a guest does.
func (s *Schema) checkMembers(members map[string]any, path string) *Mistake {
	names := slices.Sorted(maps.Keys(members))
	for _, name := range names {
		if s.Closed && s.Properties[name] == nil {
			return &Mistake{join(path, name), "settings_unknown_field", "no such setting; " + s.known()}
		}
	}
	for _, name := range names {
		of := s.Properties[name]
		if of == nil {
			of = s.Others
		}
		if of == nil || members[name] == nil {
			continue // null is not given
		}
		if m := of.check(members[name], join(path, name)); m != nil {
			return m
		}
	}
	for _, name := range s.Required {
		if members[name] == nil {
			return &Mistake{join(path, name), "settings_invalid", "must be given"}
		}
	}
	return nil
}

func (s *Schema) known() string {
	if len(s.Properties) == 0 {
		return "there are none"
	}
	return "known: " + strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", ")
}

// checkAlternatives blames the first alternative's field when none fits. Each is
// asked once: asking twice would double with every level of nesting.
func (s *Schema) checkAlternatives(v any, path string) *Mistake {
	if m, _ := misfit(s.AnyOf, v, path); m != nil {
		return m
	}
	m, fit := misfit(s.OneOf, v, path)
	if m == nil && fit > 1 {
		return &Mistake{path, "settings_invalid", fmt.Sprintf("fits %d of %d alternatives, must fit one", fit, len(s.OneOf))}
	}
	return m
}

// misfit counts the alternatives that fit; if there are some and none does, it
// says why.
func misfit(among []*Schema, v any, path string) (m *Mistake, fit int) {
	var said []string
	for _, one := range among {
		wrong := one.check(v, path)
		if wrong == nil {
			fit++
			continue
		}
		if m == nil {
			m = &Mistake{wrong.Path, wrong.Code, ""}
		}
		said = append(said, wrong.Error())
	}
	if m == nil || fit > 0 {
		return nil, fit
	}
	m.Message = "none of these is kept: " + strings.Join(said, "; ")
	return m, 0
}

func is(v any, t string) bool {
	n, number := v.(float64)
	return kind(v) == t || t == "integer" && number && whole(n)
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// alternatives names types for people.
func alternatives(types []string) string {
	words := map[string]string{
		"object": "an object", "array": "an array", "string": "a string", "number": "a number",
		"integer": "a whole number", "boolean": "true or false", "null": "null",
	}
	var all []string
	for _, t := range types {
		all = append(all, words[t])
	}
	return strings.Join(all, " or ")
}

func listed(values []any) string {
	var all []string
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			doc, _ := json.Marshal(v) //nolint:errchkjson // it was read from JSON
			text = string(doc)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
