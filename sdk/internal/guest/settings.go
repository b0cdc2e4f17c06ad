package guest

import (
	"encoding"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// DecodeSettings reads doc, a JSON object or nothing at all, into the struct
// that into points to. It follows the tags of encoding/json, and reads strings,
// numbers, booleans, structs, pointers, slices, arrays, maps by string, any, and
// types that read themselves from JSON or text; a slice of bytes is an array of
// numbers. A member that the struct does not name, spelled exactly so, is
// refused with its path. The tag default fills in what is not given; the tags
// min, max and enum bound what is. A Validate method of the struct has the last
// word. Every error is a Fault.
func DecodeSettings(doc []byte, into any) error {
	if len(doc) == 0 {
		doc = []byte("{}")
	}
	v, ok := parseJSON(doc)
	if !ok {
		return badSettings("settings_json", "", "not one valid JSON document")
	}
	to := reflect.ValueOf(into).Elem()
	if err := findUnknown(to.Type(), v, ""); err != nil {
		return err
	}
	if err := decode(to, v); err != nil {
		return err
	}
	checked, ok := into.(interface{ Validate() error })
	if !ok {
		return nil
	}
	if err := checked.Validate(); err != nil {
		return invalid("", err)
	}
	return nil
}

// decode fills in defaults before, and where null took them away.
func decode(to reflect.Value, v value) error {
	isStruct := to.Kind() == reflect.Struct
	if isStruct {
		if err := fill(to, false); err != nil {
			return err
		}
	}
	if err := set(to, v, ""); err != nil {
		return err
	}
	if isStruct {
		if err := fill(to, true); err != nil {
			return err
		}
	}
	return keep(to, "")
}

func badSettings(code, path, message string) *Fault {
	return &Fault{Errno: abi.ErrBadSettings, Code: code, Path: path, Message: message}
}

func invalid(path string, err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return badSettings("settings_invalid", path, err.Error())
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

func misfit(to reflect.Value, v value, path string) error {
	return badSettings("settings_type", path, "got "+v.word()+", want "+word(to.Type()))
}

// findUnknown walks a value beside the type of the variable it is for, members
// by name, before any is set: what nobody knows is the likelier mistake. What
// does not fit the type is left for set to name.
func findUnknown(t reflect.Type, v value, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind := t.Kind()
	switch {
	case v.kind != '{' && v.kind != '[' || readsItself(t):
	case v.kind == '[' && (kind == reflect.Slice || kind == reflect.Array):
		for i, item := range v.items {
			if err := findUnknown(t.Elem(), item, path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	case v.kind == '{' && (kind == reflect.Struct || kind == reflect.Map):
		return inMembers(t, v, path)
	}
	return nil
}

func inMembers(t reflect.Type, v value, path string) error {
	members := map[string]value{}
	for i, name := range v.names {
		members[name] = v.items[i]
	}
	var known map[string]reflect.StructField
	if t.Kind() == reflect.Struct {
		known = fields(t)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, ok := known[name]
		switch {
		case known == nil:
			field.Type = t.Elem()
		case !ok:
			return badSettings("settings_unknown_field", join(path, name), "no such setting; "+list(known))
		}
		if err := findUnknown(field.Type, members[name], join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

// readsItself reports whether a type decodes its own JSON, and so cannot be
// looked into.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[readsJSON]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// readsJSON is json.Unmarshaler.
type readsJSON interface{ UnmarshalJSON(doc []byte) error }

// set gives v to a variable. A null leaves what holds no nothing as it is.
func set(to reflect.Value, v value, path string) error {
	if to.Kind() == reflect.Pointer && v.kind != 'n' {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		return set(to.Elem(), v, path)
	}
	if is, err := reads(to, v); err != nil {
		return invalid(path, err)
	} else if is {
		return nil
	}
	if v.kind == 'n' {
		switch to.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			to.SetZero()
		}
		return nil
	}
	switch kind := to.Kind(); {
	case kind == reflect.Struct && v.kind == '{':
		return setStruct(to, v, path)
	case kind == reflect.Map && v.kind == '{' && to.Type().Key().Kind() == reflect.String:
		return setMap(to, v, path)
	case kind == reflect.Slice && v.kind == '[':
		to.Set(reflect.MakeSlice(to.Type(), len(v.items), len(v.items)))
		return setItems(to, v, path)
	case kind == reflect.Array && v.kind == '[':
		to.SetZero()
		return setItems(to, v, path)
	case kind == reflect.Interface && to.NumMethod() == 0:
		to.Set(reflect.ValueOf(plain(v)))
		return nil
	case setScalar(to, v):
		return nil
	}
	return misfit(to, v, path)
}

// reads lets a variable whose type reads itself do so, and reports whether it is
// one.
func reads(to reflect.Value, v value) (is bool, err error) {
	if !to.CanAddr() || to.Kind() == reflect.Pointer {
		return false, nil
	}
	switch self := to.Addr().Interface().(type) {
	case readsJSON:
		return true, self.UnmarshalJSON(slices.Clone(v.raw))
	case encoding.TextUnmarshaler:
		switch v.kind {
		case 'n':
			return true, nil
		case '"':
			return true, self.UnmarshalText([]byte(v.text))
		}
		return true, errors.New("got " + v.word() + ", want a string")
	}
	return false, nil
}

func setStruct(to reflect.Value, v value, path string) error {
	known := fields(to.Type())
	for i, name := range v.names {
		member, err := to.FieldByIndexErr(known[name].Index)
		if err != nil {
			return invalid(join(path, name), err)
		}
		if err := set(member, v.items[i], join(path, name)); err != nil {
			return err
		}
	}
	return nil
}

func setMap(to reflect.Value, v value, path string) error {
	t := to.Type()
	if to.IsNil() {
		to.Set(reflect.MakeMapWithSize(t, len(v.names)))
	}
	for i, name := range v.names {
		item := reflect.New(t.Elem()).Elem()
		if err := set(item, v.items[i], join(path, name)); err != nil {
			return err
		}
		to.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), item)
	}
	return nil
}

func setItems(to reflect.Value, v value, path string) error {
	for i, item := range v.items {
		if i == to.Len() {
			return badSettings("settings_type", path, "got "+strconv.Itoa(len(v.items))+" items, want no more than "+strconv.Itoa(i))
		}
		if err := set(to.Index(i), item, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

// setScalar reports whether v fits into a string, boolean or number.
func setScalar(to reflect.Value, v value) bool {
	switch kind := to.Kind(); {
	case kind == reflect.String && v.kind == '"':
		to.SetString(v.text)
	case kind == reflect.Bool && (v.kind == 't' || v.kind == 'f'):
		to.SetBool(v.kind == 't')
	case v.kind != '0':
		return false
	case to.CanInt():
		n, err := strconv.ParseInt(string(v.raw), 10, to.Type().Bits())
		to.SetInt(n)
		return err == nil
	case to.CanUint():
		n, err := strconv.ParseUint(string(v.raw), 10, to.Type().Bits())
		to.SetUint(n)
		return err == nil
	case to.CanFloat():
		x, err := strconv.ParseFloat(string(v.raw), to.Type().Bits())
		to.SetFloat(x)
		return err == nil
	default:
		return false
	}
	return true
}

// plain is a value as a variable of type any holds it.
func plain(v value) any {
	switch v.kind {
	case '{':
		m := make(map[string]any, len(v.names))
		for i, name := range v.names {
			m[name] = plain(v.items[i])
		}
		return m
	case '[':
		list := make([]any, len(v.items))
		for i, item := range v.items {
			list[i] = plain(item)
		}
		return list
	case '"':
		return v.text
	case '0':
		x, _ := strconv.ParseFloat(string(v.raw), 64) // out of range is infinite
		return x
	case 'n':
		return nil
	}
	return v.kind == 't'
}

// fields are the members that a struct names, as encoding/json sees them.
func fields(t reflect.Type) map[string]reflect.StructField {
	known := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := called(f); ok {
			known[name] = f
		}
	}
	return known
}

// called is the name of a member, if the field is one.
func called(f reflect.StructField) (string, bool) {
	tag, tagged := f.Tag.Lookup("json")
	name, _, _ := strings.Cut(tag, ",")
	if name == "" {
		name = f.Name
	}
	return name, f.IsExported() && tag != "-" && (!f.Anonymous || tagged)
}

func list(known map[string]reflect.StructField) string {
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
