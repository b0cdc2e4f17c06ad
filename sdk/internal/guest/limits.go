package guest

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// fill gives the members with a default tag what it says, and those of structs
// within, but not of lists. With only set it does so for pointers that are nil:
// a member that is null is not given.
func fill(v reflect.Value, only bool) error {
	t := v.Type()
	for i := range t.NumField() {
		f, of := t.Field(i), v.Field(i)
		if of.Kind() == reflect.Struct && !readsItself(f.Type) && (f.Anonymous || f.IsExported()) {
			if err := fill(of, only); err != nil {
				return err
			}
		}
		text, ok := f.Tag.Lookup("default")
		if !ok || !of.CanSet() || only && (of.Kind() != reflect.Pointer || !of.IsNil()) {
			continue
		}
		if err := set(of, literal(f.Type, text), f.Name+"'s default"); err != nil {
			return err
		}
	}
	return nil
}

// literal is a tag's value as JSON: text where a string is wanted, and where it
// is nothing else.
func literal(t reflect.Type, text string) value {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v, ok := parseJSON([]byte(text)); ok && t.Kind() != reflect.String {
		return v
	}
	return value{kind: '"', raw: appendText(nil, text), text: text}
}

// keep holds decoded members against their tags min, max and enum.
func keep(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return keep(v.Elem(), path)
		}
	case reflect.Struct:
		return keepMembers(v, path)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := keep(v.Index(i), path+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	case reflect.Map:
		members := indexed(v)
		for _, key := range slices.Sorted(maps.Keys(members)) {
			if err := keep(members[key], join(path, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexed are the members of a map by their names.
func indexed(v reflect.Value) map[string]reflect.Value {
	all := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		all[it.Key().String()] = it.Value()
	}
	return all
}

func keepMembers(v reflect.Value, path string) error {
	t := v.Type()
	if readsItself(t) {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, ok := called(f)
		if !ok && !f.Anonymous {
			continue
		}
		here := path // of what is embedded
		if ok {
			here = join(path, name)
		}
		if err := keepTags(v.Field(i), f.Tag, here); err != nil {
			return err
		}
		if err := keep(v.Field(i), here); err != nil {
			return err
		}
	}
	return nil
}

func keepTags(v reflect.Value, tag reflect.StructTag, path string) error {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil // not given
		}
		v = v.Elem()
	}
	number, isNumber := numeric(v)
	least, hasLeast := bound(tag, "min")
	most, hasMost := bound(tag, "max")
	switch {
	case isNumber && hasLeast && number < least:
		return badSettings("settings_invalid", path, "must be at least "+tag.Get("min"))
	case isNumber && hasMost && number > most:
		return badSettings("settings_invalid", path, "must be at most "+tag.Get("max"))
	}
	if words, ok := tag.Lookup("enum"); ok && !slices.Contains(strings.Split(words, ","), spelled(v)) {
		return badSettings("settings_invalid", path, "must be one of "+strings.ReplaceAll(words, ",", ", "))
	}
	return nil
}

func bound(tag reflect.StructTag, name string) (float64, bool) {
	v, err := strconv.ParseFloat(tag.Get(name), 64)
	return v, err == nil
}

// spelled is a value as the tag enum writes it.
func spelled(v reflect.Value) string {
	switch {
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.String()
}

func numeric(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}
