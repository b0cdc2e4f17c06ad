package ingest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// maxSkippedNames bounds the fields that a receipt names as no numbers.
const maxSkippedNames = 8

// Influx admits lines of InfluxDB's line protocol
// (https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol),
// whose times count units since 1970. Each field is a sample of the series
// measurement_field, or of measurement for the field value, with the tags as
// labels; true and false are 1 and 0, texts are passed over, counted and named.
// An item of the receipt is a line, counted from 0: one that cannot be read or
// is inadmissible is left out, as InfluxDB does, and the other lines are stored.
func (in *Ingest) Influx(ctx context.Context, r flow.IngestRequest, unit time.Duration) (flow.Receipt, error) {
	b := in.builder()
	defer in.done(b)
	b.heard.words = in.lines.of(b.store)
	d := lines{b: r.Body, unit: int64(unit), out: b}
	d.read()
	return in.admit(ctx, r, b)
}

// lines reads line protocol.
type lines struct {
	b    []byte
	at   int
	unit int64 // nanoseconds
	out  *builder

	fields []number // of the present line
	name   []byte   // of the present series
	spelt  []byte   // its wording
}

// number is a field of a line.
type number struct {
	key  []byte
	raw  []byte // key as it was sent
	v    float64
	said *wording // of its series, if key is not known
}

// read reads all lines. The newlines inside of texts count as lines too, so that
// a line's number is what an editor shows, less one.
func (d *lines) read() {
	for d.at < len(d.b) {
		start := d.at
		if f := d.line(); f.code != "" {
			d.out.refuse(f.field, f.code)
			if d.at >= len(d.b) {
				d.at = start // a quote that never ends does not swallow the lines after it
			}
			if n := bytes.IndexByte(d.b[d.at:], '\n'); n >= 0 {
				d.at += n
			} else {
				d.at = len(d.b)
			}
		}
		d.out.item += uint32(bytes.Count(d.b[start:d.at], []byte{'\n'}))
		d.out.next()
		d.at++
	}
}

// line reads one line up to its newline, and hands its values on.
func (d *lines) line() fault {
	d.spaces()
	if c := d.peek(); c == 0 && d.at >= len(d.b) || c == '\n' {
		return fault{}
	} else if c == '#' {
		for d.at < len(d.b) && d.b[d.at] != '\n' {
			d.at++
		}
		return fault{}
	}
	if d.known() {
		return fault{}
	}
	start := d.at
	measurement, ok := d.word(true)
	if !ok || len(measurement) == 0 {
		return fault{"measurement", "line_invalid"}
	}
	d.out.begin()
	if !d.tags() {
		return fault{"tags", "line_invalid"}
	}
	prefix := d.b[start:d.at]
	d.spaces()
	if f := d.values(measurement); f.code != "" {
		return f
	}
	d.spaces()
	t, ok := d.time()
	if !ok {
		return fault{"ts", "line_invalid"}
	}
	for _, one := range d.fields {
		run, wrong := d.run(prefix, measurement, one)
		d.out.put(run, wrong, t, one.v)
	}
	return fault{}
}

// run finds the series of a field. Its wording is the measurement and the tags,
// a space, and the key with its equals sign.
func (d *lines) run(prefix, measurement []byte, one number) (uint32, fault) {
	d.spelt = append(append(append(append(d.spelt[:0], prefix...), ' '), one.raw...), '=')
	if w := d.out.heard.recall(nil, d.spelt); w != nil {
		return d.out.runOf(w.series), fault{}
	}
	run, wrong := d.out.series(d.series(measurement, one.key))
	d.out.learn(nil, d.spelt, run, wrong)
	return run, wrong
}

// series is the name of the series of a field.
func (d *lines) series(measurement, key []byte) []byte {
	if string(key) == "value" {
		return measurement
	}
	d.name = append(append(append(d.name[:0], measurement...), '_'), key...)
	return d.name
}

// tags reads ,key=value as often as it comes.
func (d *lines) tags() bool {
	for d.peek() == ',' {
		d.at++
		key, ok := d.word(false)
		if !ok || len(key) == 0 || d.peek() != '=' {
			return false
		}
		d.at++
		value, ok := d.word(false)
		if !ok || len(value) == 0 || d.peek() == '=' {
			return false
		}
		d.out.label(key, value)
	}
	return d.peek() == ' '
}

// values reads key=value, once or more, into fields.
func (d *lines) values(measurement []byte) fault {
	d.fields = d.fields[:0]
	for {
		start := d.at
		key, ok := d.word(false)
		if !ok || len(key) == 0 || d.peek() != '=' {
			return fault{"fields", "line_invalid"}
		}
		raw := d.b[start:d.at]
		d.at++
		if d.peek() == '"' {
			if !d.text() {
				return fault{"fields", "line_invalid"}
			}
			d.skip(d.series(measurement, key))
		} else {
			v, code := d.number()
			if code != "" {
				return fault{"fields", code}
			}
			d.fields = append(d.fields, number{key: key, raw: raw, v: v})
		}
		if d.peek() != ',' {
			return fault{}
		}
		d.at++
	}
}

// skip counts a text, and names it if its name is one.
func (d *lines) skip(name []byte) {
	r := &d.out.receipt
	r.Skipped++
	if len(r.Fields) < maxSkippedNames && len(name) <= d.out.limits.NameBytes && validName(name, true) &&
		!slices.Contains(r.Fields, string(name)) {
		r.Fields = append(r.Fields, string(name))
	}
}

// time reads the time of a line, which may be left out, and looks that nothing
// follows it.
func (d *lines) time() (int64, bool) {
	t := d.out.now
	if start := d.at; start < len(d.b) && d.b[start] != '\n' && d.b[start] != '\r' {
		n, ok := d.integer()
		if !ok {
			return 0, false
		}
		t = fromUnix(n, d.unit)
		d.spaces()
	}
	if d.at < len(d.b) && d.b[d.at] == '\r' {
		d.at++
	}
	return t, d.at >= len(d.b) || d.b[d.at] == '\n'
}
