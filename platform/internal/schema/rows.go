package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Row is one setting for people.
type Row struct {
	Name string `json:"name"` // bands[].above for a member of a list's items
	Type string `json:"type"` // with its limits and its default
	Doc  string `json:"doc,omitempty"`
}

// Rows lists the settings that a schema knows, by name, those of objects and
// lists within behind them.
func (s *Schema) Rows() []Row { return s.rows("") }

func (s *Schema) rows(prefix string) (all []Row) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		of := s.Properties[name]
		path := join(prefix, name)
		all = append(all, Row{path, of.text(slices.Contains(s.Required, name)), of.Description})
		all = append(all, of.within(path)...)
	}
	return all
}

func (s *Schema) within(path string) (all []Row) {
	all = s.rows(path)
	if s.Items != nil {
		all = append(all, s.Items.within(path+"[]")...)
	}
	if s.Others != nil {
		all = append(all, s.Others.within(path+".*")...)
	}
	return all
}

// text says what a value may be, in a few words.
func (s *Schema) text(required bool) string {
	parts := []string{s.typed()}
	limit := func(word string, v *float64) {
		if v != nil {
			parts = append(parts, fmt.Sprintf("%s %v", word, *v))
		}
	}
	limit("at least", s.Minimum)
	limit("more than", s.Over)
	limit("at most", s.Maximum)
	limit("less than", s.Under)
	if s.Pattern != nil {
		parts = append(parts, fmt.Sprintf("matching %s", s.Pattern))
	}
	if s.Format != "" {
		parts = append(parts, s.Format)
	}
	if len(s.Enum) > 0 {
		parts = append(parts, "one of "+strings.ReplaceAll(listed(s.Enum), ", ", " "))
	}
	if s.Default != nil {
		parts = append(parts, "default "+listed([]any{s.Default}))
	}
	if required {
		parts = append(parts, "required")
	}
	return strings.Join(parts, ", ")
}

func (s *Schema) typed() string {
	switch {
	case len(s.Types) == 0:
		return "anything"
	case s.Items != nil:
		return "array of " + s.Items.typed()
	case s.Others != nil:
		return "object of " + s.Others.typed()
	}
	return strings.Join(s.Types, " or ")
}
