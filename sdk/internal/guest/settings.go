package guest

import (
	"encoding"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// DecodeSettings reads doc, a JSON object or nothing at all, into the struct
// that into points to. A member that the struct does not name, spelled exactly
// so, is refused with its path. A Validate method of the struct has the last
// word. Every error is a Fault.
func DecodeSettings(doc []byte, into any) error {
	if len(doc) == 0 {
		doc = []byte("{}")
	}
	if !json.Valid(doc) {
		return badSettings("settings_json", "", "not one valid JSON document")
	}
	if err := findUnknown(doc, reflect.TypeOf(into), ""); err != nil {
		return err
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return typeFault(err)
	}
	v, ok := into.(interface{ Validate() error })
	if !ok {
		return nil
	}
	if err := v.Validate(); err != nil {
		return invalid(err)
	}
	return nil
}

func badSettings(code, path, message string) *Fault {
	return &Fault{Errno: abi.ErrBadSettings, Code: code, Path: path, Message: message}
}

func invalid(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return badSettings("settings_invalid", "", err.Error())
}

func typeFault(err error) *Fault {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badSettings("settings_type", t.Field, "got "+t.Value+", want "+word(t.Type))
	}
	return invalid(err)
}

// word is what a type of Go is called in JSON.
func word(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number (" + t.String() + ")"
}

// findUnknown walks doc beside the type it will be decoded into. What does not
// fit the type is left for the decoder to name.
func findUnknown(doc []byte, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if readsItself(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return inStruct(doc, t, path)
	case reflect.Map:
		members, _ := split[map[string]json.RawMessage](doc)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if err := findUnknown(members[name], t.Elem(), join(path, name)); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		items, _ := split[[]json.RawMessage](doc)
		for i, item := range items {
			if err := findUnknown(item, t.Elem(), path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	}
	return nil
}

func inStruct(doc []byte, t reflect.Type, path string) error {
	members, ok := split[map[string]json.RawMessage](doc)
	if !ok {
		return nil
	}
	known := fields(t)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, ok := known[name]
		if !ok {
			return badSettings("settings_unknown_field", join(path, name), "no such setting; "+list(known))
		}
		if err := findUnknown(members[name], field, join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func split[T any](doc []byte) (parts T, ok bool) {
	return parts, json.Unmarshal(doc, &parts) == nil
}

// readsItself reports whether a type decodes its own JSON, and so cannot be
// looked into.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fields are the members that a struct names, as encoding/json sees them.
func fields(t reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() || tag == "-" || (f.Anonymous && !tagged):
			continue
		case name == "":
			name = f.Name
		}
		known[name] = f.Type
	}
	return known
}

func list(known map[string]reflect.Type) string {
	if len(known) == 0 {
		return "there are none"
	}
	return "known: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
