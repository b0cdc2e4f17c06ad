package ingest

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"unicode/utf8"
)

// attr is an attribute as a label.
type attr struct{ name, value []byte }

// attribute reads a KeyValue of a point. code says why it is inadmissible.
func (d *otlp) attribute(body []byte) (code string, ok bool) {
	key, value, ok := d.keyValue(body)
	if !ok {
		return "", false
	}
	name, code := d.names.label(key)
	d.attrs = append(d.attrs, attr{name, value})
	return code, true
}

// keyValue reads a KeyValue; the value is written out as text.
func (d *otlp) keyValue(body []byte) (key, value []byte, ok bool) {
	var f field
	w := wire{b: body}
	for w.next(&f) {
		switch {
		case w.is(&f, 1, wireBytes):
			key = f.b
		case w.is(&f, 2, wireBytes):
			if s, plain := plainText(f.b); plain {
				value = s
				continue
			}
			start := len(d.text)
			if d.text, ok = appendAny(d.text, f.b, false, 0); !ok {
				return nil, nil, false
			}
			value = d.text[start:len(d.text):len(d.text)]
		}
	}
	return key, value, !w.bad
}

// plainText is the string of an AnyValue that is nothing but one.
func plainText(b []byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != 1<<3|wireBytes || b[1] >= 0x80 || int(b[1]) != len(b)-2 {
		return nil, false
	}
	return b[2:], true
}

// maxAnyDepth is how deep an attribute's value may nest.
const maxAnyDepth = 8

// appendAny writes an AnyValue as text: a string as it is, lists and maps as
// JSON, in which strings are quoted and bytes are in base64.
func appendAny(dst, body []byte, quoted bool, depth int) ([]byte, bool) {
	if depth > maxAnyDepth {
		return dst, false
	}
	ok := true
	var f field
	w := wire{b: body}
	for ok && w.next(&f) {
		switch {
		case w.is(&f, 1, wireBytes):
			dst = appendText(dst, f.b, quoted)
		case w.is(&f, 2, wireVarint):
			dst = strconv.AppendBool(dst, f.n != 0)
		case w.is(&f, 3, wireVarint):
			dst = strconv.AppendInt(dst, int64(f.n), 10)
		case w.is(&f, 4, wireFixed64):
			dst = strconv.AppendFloat(dst, f.float(), 'g', -1, 64)
		case w.is(&f, 5, wireBytes):
			dst, ok = appendList(dst, f.b, depth)
		case w.is(&f, 6, wireBytes):
			dst, ok = appendMap(dst, f.b, depth)
		case w.is(&f, 7, wireBytes):
			dst = appendText(dst, base64.StdEncoding.AppendEncode(nil, f.b), quoted)
		}
	}
	return dst, ok && !w.bad
}

func appendText(dst, text []byte, quoted bool) []byte {
	if quoted {
		return strconv.AppendQuote(dst, string(text))
	}
	return append(dst, text...)
}

func appendList(dst, body []byte, depth int) ([]byte, bool) {
	return appendItems(dst, body, "[]", func(dst, item []byte) ([]byte, bool) {
		return appendAny(dst, item, true, depth+1)
	})
}

func appendMap(dst, body []byte, depth int) ([]byte, bool) {
	return appendItems(dst, body, "{}", func(dst, item []byte) ([]byte, bool) {
		var key, value []byte
		if !once(item, 1, &key) || !once(item, 2, &value) {
			return dst, false
		}
		return appendAny(append(appendText(dst, key, true), ':'), value, true, depth+1)
	})
}

// appendItems writes the items of field 1 with commas between, within a pair of
// brackets.
func appendItems(dst, body []byte, brackets string, item func(dst, b []byte) ([]byte, bool)) ([]byte, bool) {
	dst = append(dst, brackets[0])
	var f field
	w := wire{b: body}
	for first := true; w.next(&f); {
		if !w.is(&f, 1, wireBytes) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var ok bool
		if dst, ok = item(dst, f.b); !ok {
			return dst, false
		}
	}
	return append(dst, brackets[1]), !w.bad
}

// label gives the builder the labels of the present point: its attributes, and
// job, instance and host of its resource, of which the first two win over
// attributes of that name. It remembers them for restore.
func (d *otlp) label() {
	d.out.begin()
	host := d.host
	for _, a := range d.attrs {
		switch {
		case d.job != nil && string(a.name) == "job", d.instance != nil && string(a.name) == "instance":
			continue
		case string(a.name) == "host":
			host = nil
		}
		d.out.label(a.name, a.value)
	}
	d.out.label([]byte("job"), d.job)
	d.out.label([]byte("instance"), d.instance)
	d.out.label([]byte("host"), host)
	if d.out.mixed {
		d.out.order()
	}
	d.join()
	d.same, d.tail = append(d.same[:0], d.out.labels...), append(d.tail[:0], d.out.tail...)
}

// join puts labels together that have one name, as attributes do that differ
// only in signs a label cannot have: their values in order, with semicolons.
func (d *otlp) join() {
	b := d.out
	for i := 1; i < len(b.labels); i++ {
		if !bytes.Equal(b.nameOf(b.labels[i-1]), b.nameOf(b.labels[i])) {
			continue
		}
		all := make([]attr, 0, len(b.labels))
		for _, l := range b.labels {
			all = append(all, attr{slices.Clone(b.nameOf(l)), slices.Clone(b.valueOf(l))})
		}
		slices.SortFunc(all, func(x, y attr) int {
			if c := bytes.Compare(x.name, y.name); c != 0 {
				return c
			}
			return bytes.Compare(x.value, y.value)
		})
		b.begin()
		for i := 0; i < len(all); {
			one := all[i]
			for i++; i < len(all) && bytes.Equal(all[i].name, one.name); i++ {
				one.value = append(append(one.value, ';'), all[i].value...)
			}
			b.label(one.name, one.value)
		}
		return
	}
}

// restore gives the builder the labels of the present point again.
func (d *otlp) restore() {
	crowded := d.out.crowded
	d.out.begin()
	d.out.labels, d.out.tail, d.out.crowded = append(d.out.labels, d.same...), append(d.out.tail, d.tail...), crowded
}

// identify reads from the resource who it is: service.namespace and service.name
// become job, service.instance.id instance, and host.name host.
func (d *otlp) identify() bool {
	d.job, d.instance, d.host = nil, nil, nil
	d.attrs, d.text = d.attrs[:0], nil // the labels outlive the points' scratch
	var space []byte
	ok := d.eachAttribute(func(key, value []byte) {
		switch string(key) {
		case "service.namespace":
			space = value
		case "service.name":
			d.job = value
		case "service.instance.id":
			d.instance = value
		case "host.name":
			d.host = value
		}
	})
	if len(space) > 0 && len(d.job) > 0 {
		d.job = slices.Concat(space, []byte("/"), d.job)
	}
	d.text = nil
	return ok
}

func (d *otlp) eachAttribute(yield func(key, value []byte)) bool {
	var f field
	w := wire{b: d.resource}
	for w.next(&f) {
		if !w.is(&f, 1, wireBytes) {
			continue
		}
		key, value, ok := d.keyValue(f.b)
		if !ok {
			return false
		}
		yield(key, value)
	}
	return !w.bad
}

// target adds the series target_info, which carries what else is known of the
// resource, at the time of its newest point. It is no item of the request: where
// it is inadmissible, it is left out.
func (d *otlp) target() bool {
	if d.newest == 0 || len(d.job)+len(d.instance) == 0 {
		return true
	}
	d.attrs, d.text = d.attrs[:0], d.text[:0]
	fit := true
	ok := d.eachAttribute(func(key, value []byte) {
		switch string(key) {
		case "service.namespace", "service.name", "service.instance.id":
			return
		}
		name, code := d.names.label(key)
		if fit = fit && code == "" && utf8.Valid(value); fit {
			d.attrs = append(d.attrs, attr{name, value})
		}
	})
	if !ok || !fit || len(d.attrs) == 0 {
		return ok
	}
	d.label()
	run, wrong := d.out.series([]byte("target_info"))
	if wrong.code == "" && d.newest >= d.out.oldest && d.newest <= d.out.newest {
		d.out.extra(run, d.newest, 1)
	}
	return true
}
