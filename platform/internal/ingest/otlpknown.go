package ingest

import (
	"encoding/binary"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// A series of OTLP has a wording in two or three parts: what all points of its
// metric share, the point's attributes, and, where a point has several series,
// which of them it is. The first two are wordings without a series.

// context is the wording of what all points of a metric share, nil where it
// cannot be used.
func (d *otlp) context(p *points, name, unit []byte, monotonic bool) *wording {
	if p.delta || p.wrong.code != "" {
		return nil
	}
	kind := byte(p.kind)
	if monotonic {
		kind |= 0x80
	}
	text := binary.AppendUvarint(append(d.shared[:0], kind), uint64(len(name)))
	text = binary.AppendUvarint(append(text, name...), uint64(len(unit)))
	text = append(append(text, unit...), d.resource...)
	d.shared = text
	w := d.heard.whole(nil, text)
	if w == nil {
		w = d.heard.learn(nil, text, flow.SeriesRow{})
	}
	return w
}

// known hands a point of a number on whose attributes lead to a known series; ok
// is false if it is still to be read.
func (d *otlp) known(p *points, body []byte) (ok bool) {
	var attributes []byte
	var t, v uint64
	var value byte
	for rest := body; len(rest) > 0; {
		switch tag := rest[0]; {
		case tag == 7<<3|wireBytes && attributes == nil:
			n := labelsOf(rest, tag)
			if n == 0 {
				return false
			}
			attributes, rest = rest[:n], rest[n:]
			continue
		case len(rest) < 9:
			return false
		case tag == 2<<3|wireFixed64:
		case tag == 3<<3|wireFixed64:
			t = binary.LittleEndian.Uint64(rest[1:])
		case tag == 4<<3|wireFixed64 || tag == 6<<3|wireFixed64:
			v, value = binary.LittleEndian.Uint64(rest[1:]), tag
		default:
			return false
		}
		rest = rest[9:]
	}
	if t == 0 || value == 0 || attributes == nil {
		return false
	}
	w := d.out.heard.whole(p.context, attributes)
	if w == nil {
		d.region = attributes
		return false
	}
	number := math.Float64frombits(v)
	if value == 6<<3|wireFixed64 {
		number = float64(int64(v))
	}
	at := int64(min(t, math.MaxInt64))
	d.newest = max(d.newest, at)
	d.out.put(d.out.runOf(w.series), fault{}, at, number)
	d.out.next()
	return true
}

// recognise reports whether the attributes at the beginning of rest, all that a
// point of several series has, are known: then within is their wording.
func (d *otlp) recognise(p *points, rest []byte) bool {
	if p.context == nil || p.kind == otlpGauge || p.kind == otlpSum || len(d.attrs) > 0 {
		return false
	}
	n := labelsOf(rest, rest[0])
	if n == 0 {
		return false
	}
	d.region = rest[:n:n]
	d.within = d.out.heard.whole(p.context, d.region)
	return d.within != nil
}

// learn remembers the attributes of the point that was just handed on.
func (d *otlp) learn(p *points) {
	n := len(d.out.rows)
	if p.context == nil || d.region == nil || d.within != nil || d.out.bad || n == d.out.mark {
		return
	}
	if p.kind == otlpGauge || p.kind == otlpSum {
		d.out.learn(p.context, d.region, d.out.rows[n-1].run, fault{})
	} else { // a context only: what it leads to is learnt where it is recognised
		d.out.heard.learn(p.context, d.region, flow.SeriesRow{})
	}
}

// recall finds the series of a point that is known by its attributes.
func (d *otlp) recall(suffix string, bound float64) *wording {
	d.shared = binary.LittleEndian.AppendUint64(append(d.shared[:0], suffix...), math.Float64bits(bound))
	return d.out.heard.whole(d.within, d.shared)
}

// reread reads the attributes that were recognised, since one series of the point
// is not known by them. They were admitted before.
func (d *otlp) reread() {
	if len(d.attrs) > 0 {
		return
	}
	w := wire{b: d.region}
	for f := (field{}); w.next(&f); {
		_, _ = d.attribute(f.b)
	}
	d.label()
}
