package ingest

import (
	"bytes"
	"mime"
	"strings"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// checkContentType admits JSON's names, no name at all, and the one that curl
// -d sends unasked.
func checkContentType(header string) error {
	if header == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	charset := params["charset"]
	if err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		switch kind {
		case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl",
			"application/x-www-form-urlencoded":
			return nil
		}
	}
	return vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "this content type is not read here").
		Hinted("Send application/json or application/x-ndjson, in UTF-8.")
}

// decoder reads the samples of one body.
type decoder struct {
	scanner
	out  *builder
	seen [][]byte // labels of the present sample
}

func decodeJSON(body []byte, out *builder) error {
	d := &decoder{scanner: scanner{b: body}, out: out}
	var err *vigil.Error
	switch d.peek() {
	case 0:
		if d.at == len(d.b) {
			return vigil.Errorf(vigil.Invalid, "body_empty", "the body holds no sample").
				Hinted(`Send for example {"name":"cpu_usage","value":0.12}.`)
		}
		err = d.syntax()
	case '[':
		err = d.array()
	default:
		err = d.lines()
	}
	if err != nil {
		return err // a nil *vigil.Error must not become a non-nil error
	}
	return nil
}

// array reads [sample, …] and nothing after it.
func (d *decoder) array() *vigil.Error {
	d.take('[')
	for first := true; !d.take(']'); first = false {
		if !first && !d.take(',') {
			return d.syntax()
		}
		if err := d.sample(1); err != nil {
			return err
		}
	}
	if d.peek(); d.at < len(d.b) {
		return d.syntax()
	}
	if d.out.item == 0 {
		return vigil.Errorf(vigil.Invalid, "body_empty", "the array holds no sample")
	}
	return nil
}

// lines reads one sample, or one a line.
func (d *decoder) lines() *vigil.Error {
	for {
		if err := d.sample(0); err != nil {
			return err
		}
		end := d.at
		if d.peek(); d.at == len(d.b) {
			return nil
		}
		if bytes.IndexByte(d.b[end:d.at], '\n') < 0 {
			return d.syntax()
		}
	}
}

// sample reads one sample, which lies depth levels deep.
func (d *decoder) sample(depth int) *vigil.Error {
	if int(d.out.item) >= d.out.limits.Samples {
		return errBatchLimit(d.out.limits.Samples)
	}
	if d.peek() != '{' {
		if err := d.skip(depth); err != nil {
			return err
		}
		return d.wrong("", "sample_type", "a sample must be an object")
	}
	f := fields{at: d.out.now}
	d.out.begin()
	err := d.object(func(key []byte) *vigil.Error { return d.field(&f, key, depth+1) })
	if err != nil {
		return err
	}
	switch {
	case len(f.name) == 0:
		return d.wrong("name", "sample_name_missing", "a sample needs a name")
	case !f.hasValue:
		return d.wrong("value", "sample_value_missing", "a sample needs a value")
	}
	run, wrong := d.out.series(f.name)
	d.out.put(run, wrong, f.at, f.value)
	d.out.next()
	return nil
}

// object reads an object, handing each key to read, which reads the value.
func (d *decoder) object(read func(key []byte) *vigil.Error) *vigil.Error {
	if !d.take('{') {
		return d.syntax()
	}
	for first := true; !d.take('}'); first = false {
		if !first && !d.take(',') {
			return d.syntax()
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		if !d.take(':') {
			return d.syntax()
		}
		if err := read(key); err != nil {
			return err
		}
	}
	return nil
}

// wrong makes an error about one field of the present sample.
func (d *decoder) wrong(field, code, what string) *vigil.Error {
	err := vigil.Errorf(vigil.Invalid, code, "sample %d: %s", d.out.item, what).With("index", int(d.out.item))
	if field != "" {
		err = err.With("field", field)
	}
	return err
}
