package trial

import (
	"encoding/json"
	"fmt"
)

// Guess makes settings that a module may take, out of its manifest's schema:
// what is required, or the first of several choices, at its default or
// something plain. It may guess wrong.
func Guess(schema json.RawMessage) (json.RawMessage, error) {
	if len(schema) == 0 {
		return json.RawMessage("{}"), nil
	}
	var s shape
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("read schema of settings: %w", err)
	}
	settings := map[string]any{}
	for _, name := range s.Required {
		settings[name] = s.Properties[name].plain()
	}
	for _, choices := range [][]shape{s.AnyOf, s.OneOf} {
		if len(choices) == 0 {
			continue
		}
		for _, name := range choices[0].Required {
			settings[name] = s.Properties[name].plain()
		}
	}
	return json.Marshal(settings)
}

// shape is the little of JSON Schema that a guess needs.
type shape struct {
	Type       any              `json:"type"`
	Default    any              `json:"default"`
	Enum       []any            `json:"enum"`
	Minimum    *float64         `json:"minimum"`
	Required   []string         `json:"required"`
	Properties map[string]shape `json:"properties"`
	AnyOf      []shape          `json:"anyOf"`
	OneOf      []shape          `json:"oneOf"`
}

func (s shape) plain() any {
	switch {
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case "number", "integer":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "string":
		return "x"
	case "boolean":
		return false
	case "array":
		return []any{}
	}
	return map[string]any{}
}
