package ingest

import (
	"bytes"
	"math"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fields is a sample while it is read, and which of its keys were met.
type fields struct {
	name                                  []byte
	value                                 float64
	at                                    int64 // unix nanoseconds
	hasName, hasValue, hasTime, hasLabels bool
}

// field reads the value of one key of a sample.
func (d *decoder) field(f *fields, key []byte, depth int) *vigil.Error {
	switch string(key) {
	case "name":
		return d.once(&f.hasName, "name", func() *vigil.Error { return d.name(f, depth) })
	case "value":
		return d.once(&f.hasValue, "value", func() *vigil.Error { return d.value(f, depth) })
	case "ts":
		return d.once(&f.hasTime, "ts", func() *vigil.Error { return d.time(f, depth) })
	case "labels":
		return d.once(&f.hasLabels, "labels", func() *vigil.Error { return d.labels("labels", depth) })
	case "tags":
		return d.once(&f.hasLabels, "tags", func() *vigil.Error { return d.labels("tags", depth) })
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
		var at time.Time
		if at.UnmarshalText(text) != nil {
			return d.wrong("ts", code, what)
		}
		f.at = nanoseconds(at)
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
// quarter of a microsecond, so whole microseconds are what was meant.
func unixTime(v float64) int64 {
	if math.Abs(v) >= 1e11 {
		v /= 1e3
	}
	sec, frac := math.Modf(max(-farSeconds, min(v, farSeconds)))
	return int64(sec)*1e9 + int64(math.Round(frac*1e6))*1e3
}

// farSeconds is what times that no clock shows are brought to: 285 years off,
// near enough to count in nanoseconds and to be refused for its age.
const farSeconds = 9e9

func nanoseconds(t time.Time) int64 {
	if sec := t.Unix(); sec < -farSeconds || sec > farSeconds {
		return max(-farSeconds, min(sec, farSeconds)) * 1e9
	}
	return t.UnixNano()
}

// labels reads an object of strings; null is as good as absent. An empty value
// is the same as no label. What is over the limit is read but not kept, so
// that the search for repeated names stays small.
func (d *decoder) labels(key string, depth int) *vigil.Error {
	if d.word("null") {
		return nil
	}
	if d.peek() != '{' {
		return d.mistyped(depth, key, "label_type", "labels must be an object of strings")
	}
	d.seen = d.seen[:0]
	err := d.object(func(name []byte) *vigil.Error {
		if hasFold(d.seen, name) {
			return d.wrong(key, "json_duplicate_key", "a label comes twice, or differs only in case")
		}
		if d.peek() != '"' {
			return d.mistyped(depth+1, key, "label_value_type", "a label's value must be a string")
		}
		value, err := d.string()
		if len(d.seen) >= d.out.limits.Labels {
			d.out.crowded = true
			return err
		}
		d.seen = append(d.seen, name)
		d.out.label(name, value)
		return err
	})
	return labelText(err, key, int(d.out.item))
}

func hasFold(seen [][]byte, name []byte) bool {
	for _, s := range seen {
		if bytes.EqualFold(s, name) {
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
