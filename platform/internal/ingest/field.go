package ingest

import (
	"math"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fields is a sample while it is read, and which of its keys were met.
type fields struct {
	sample
	hasName, hasValue, hasTime, hasLabels bool
}

// field reads the value of one key of a sample.
func (d *decoder) field(f *fields, key string, depth int) *vigil.Error {
	switch key {
	case "name":
		return d.once(&f.hasName, key, func() *vigil.Error { return d.name(f, depth) })
	case "value":
		return d.once(&f.hasValue, key, func() *vigil.Error { return d.value(f, depth) })
	case "ts":
		return d.once(&f.hasTime, key, func() *vigil.Error { return d.time(f, depth) })
	case "labels", "tags":
		return d.once(&f.hasLabels, key, func() *vigil.Error { return d.labels(f, key, depth) })
	}
	if err := d.skip(depth); err != nil {
		return err
	}
	return d.wrong("", "unknown_field", "a sample has no such field").
		Hinted("A sample has name, value, ts and labels (or tags), in lower case.")
}

// once refuses a key that comes twice: two readers could see different values.
func (d *decoder) once(has *bool, key string, read func() *vigil.Error) *vigil.Error {
	if *has {
		return d.wrong(key, "json_duplicate_key", "a key comes twice")
	}
	*has = true
	return read()
}

func (d *decoder) name(f *fields, depth int) (err *vigil.Error) {
	if d.peek() != '"' {
		return d.mistyped(depth, "name", "sample_name_type", "the name must be a string")
	}
	f.name, err = d.string()
	return err
}

func (d *decoder) value(f *fields, depth int) *vigil.Error {
	c := d.peek()
	if d.word("NaN") || d.word("Infinity") || d.word("-Infinity") {
		return d.wrong("value", "sample_not_finite", "the value is not finite")
	}
	if c != '-' && (c < '0' || c > '9') {
		return d.mistyped(depth, "value", "sample_value_type", "the value must be a number")
	}
	v, finite, err := d.number()
	if err != nil {
		return err
	}
	if !finite {
		return d.wrong("value", "sample_not_finite", "the value is not finite")
	}
	f.value = v
	return nil
}

// mistyped reads over a value of the wrong type and says so.
func (d *decoder) mistyped(depth int, field, code, what string) *vigil.Error {
	if err := d.skip(depth); err != nil {
		return err
	}
	return d.wrong(field, code, what)
}

// time reads ts; null is as good as absent.
func (d *decoder) time(f *fields, depth int) *vigil.Error {
	const code, what = "sample_ts_invalid", "ts must be RFC 3339, or Unix time in seconds or milliseconds"
	switch c := d.peek(); {
	case d.word("null"):
		return nil
	case c == '"':
		text, err := d.string()
		if err != nil {
			return err
		}
		at, bad := time.Parse(time.RFC3339Nano, text)
		if bad != nil {
			return d.wrong("ts", code, what)
		}
		f.at = at
		return nil
	case c == '-' || c >= '0' && c <= '9':
		v, finite, err := d.number()
		if err != nil {
			return err
		}
		if !finite {
			return d.wrong("ts", code, what)
		}
		f.at = unixTime(v)
		return nil
	}
	return d.mistyped(depth, "ts", code, what)
}

// unixTime reads seconds, or milliseconds from 1e11 on: that is the year 5138
// in seconds and 1973 in milliseconds. A float64 holds today's seconds to a
// quarter of a microsecond, so whole microseconds are what was meant. What no
// clock shows is brought near enough to be refused for its age.
func unixTime(v float64) time.Time {
	if math.Abs(v) >= 1e11 {
		v /= 1e3
	}
	v = max(-1e11, min(v, 1e11))
	sec, frac := math.Modf(v)
	return time.Unix(int64(sec), int64(math.Round(frac*1e6))*1e3)
}

// labels reads an object of strings; null is as good as absent. An empty value
// is the same as no label. What is over the limit is read but not kept, so
// that the search for repeated names stays small.
func (d *decoder) labels(f *fields, key string, depth int) *vigil.Error {
	if d.word("null") {
		return nil
	}
	if d.peek() != '{' {
		return d.mistyped(depth, key, "label_type", "labels must be an object of strings")
	}
	var seen []string
	err := d.object(func(name string) *vigil.Error {
		if hasFold(seen, name) {
			return d.wrong(key, "json_duplicate_key", "a label comes twice, or differs only in case")
		}
		if d.peek() != '"' {
			return d.mistyped(depth+1, key, "label_value_type", "a label's value must be a string")
		}
		value, err := d.string()
		if f.crowded = len(seen) >= d.limits.Labels; f.crowded || err != nil {
			return err
		}
		if seen = append(seen, name); value != "" {
			f.setLabel(name, value)
		}
		return nil
	})
	return labelText(err, key, len(d.out))
}

func (f *fields) setLabel(name, value string) {
	if f.sample.labels == nil {
		f.sample.labels = vigil.Labels{}
	}
	f.sample.labels[name] = value
}

func hasFold(seen []string, name string) bool {
	for _, s := range seen {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// labelText gives bad text its own code where it is a label's.
func labelText(err *vigil.Error, key string, index int) *vigil.Error {
	if err != nil && err.Code == "json_invalid_utf8" {
		err.Code = "label_invalid_utf8"
		return err.With("index", index).With("field", key)
	}
	return err
}
