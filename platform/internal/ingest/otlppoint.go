package ingest

import (
	"encoding/binary"
	"math"
	"strconv"
)

// point is a data point of any kind; which fields it has depends on the kind.
type point struct {
	t         int64 // unix nanoseconds
	value     float64
	count     uint64
	sum       float64
	hasValue  bool
	hasSum    bool
	hasTime   bool
	noValue   bool // the source said that there is none: the series ended
	buckets   []uint64
	bounds    []float64
	quantiles [][2]float64
}

// point reads one data point, whose attributes are field 9 in histograms and 7
// in all others, and hands its series on.
func (d *otlp) point(p *points, body []byte) bool {
	attributes, flags := uint32(7), uint32(8)
	if p.kind == otlpHistogram {
		attributes, flags = 9, 10
	}
	if p.kind == otlpExponential { // its fields are others
		d.out.refuse(p.wrong.field, p.wrong.code)
		d.out.next()
		return true
	}
	d.region, d.within = nil, nil
	if single := p.kind == otlpGauge || p.kind == otlpSum; single && p.context != nil && d.known(p, body) {
		return true
	}
	d.attrs, d.text = d.attrs[:0], d.text[:0]
	pt := point{buckets: d.buckets[:0], bounds: d.bounds[:0], quantiles: d.quantiles[:0]}
	wrong := p.wrong
	var f field
	w := wire{b: body}
	for rest := w.b; w.next(&f); rest = w.b {
		switch {
		case w.is(&f, attributes, wireBytes):
			if d.within != nil { // they do not stand together
				apart := *p
				apart.context = nil
				return d.point(&apart, body)
			}
			if d.recognise(p, rest) {
				w.b = rest[len(d.region):]
				continue
			}
			code, ok := d.attribute(f.b)
			if !ok {
				return false
			}
			if code != "" && wrong.code == "" {
				wrong = fault{"attributes", code}
			}
		case w.is(&f, 3, wireFixed64):
			pt.t, pt.hasTime = int64(min(f.n, math.MaxInt64)), f.n != 0
		case w.is(&f, flags, wireVarint):
			pt.noValue = f.n&1 != 0
		default:
			pt.number(&w, &f, p.kind)
		}
	}
	d.buckets, d.bounds, d.quantiles = pt.buckets, pt.bounds, pt.quantiles
	if w.bad {
		return false
	}
	d.put(p, &pt, wrong)
	return true
}

// number reads a field that only one kind of point has.
func (pt *point) number(w *wire, f *field, kind uint32) {
	switch {
	case kind == otlpGauge || kind == otlpSum:
		if w.is(f, 4, wireFixed64) {
			pt.value, pt.hasValue = f.float(), true
		} else if w.is(f, 6, wireFixed64) {
			pt.value, pt.hasValue = float64(int64(f.n)), true
		}
	case w.is(f, 4, wireFixed64):
		pt.count = f.n
	case w.is(f, 5, wireFixed64):
		pt.sum, pt.hasSum = f.float(), true
	case kind == otlpHistogram && f.num == 6:
		pt.buckets = doubles(w, f, pt.buckets, func(n uint64) uint64 { return n })
	case kind == otlpHistogram && f.num == 7:
		pt.bounds = doubles(w, f, pt.bounds, math.Float64frombits)
	case kind == otlpSummary && w.is(f, 6, wireBytes):
		pt.quantiles = append(pt.quantiles, quantile(w, f.b))
	}
}

// doubles reads a repeated field of eight bytes each, packed or not.
func doubles[T any](w *wire, f *field, to []T, as func(uint64) T) []T {
	switch {
	case f.kind == wireFixed64:
		return append(to, as(f.n))
	case f.kind != wireBytes || len(f.b)%8 != 0:
		w.bad = true
	default:
		for b := f.b; len(b) > 0; b = b[8:] {
			to = append(to, as(binary.LittleEndian.Uint64(b)))
		}
	}
	return to
}

func quantile(w *wire, body []byte) (q [2]float64) {
	var f field
	in := wire{b: body}
	for in.next(&f) {
		if in.is(&f, 1, wireFixed64) {
			q[0] = f.float()
		} else if in.is(&f, 2, wireFixed64) {
			q[1] = f.float()
		}
	}
	w.bad = w.bad || in.bad
	return q
}

// put hands the series of a point on, as one item.
func (d *otlp) put(p *points, pt *point, wrong fault) {
	switch {
	case !pt.hasTime:
		wrong = fault{"time_unix_nano", "sample_ts_missing"}
	case (p.kind == otlpGauge || p.kind == otlpSum) && !pt.hasValue && !pt.noValue:
		wrong = fault{"value", "sample_value_missing"}
	case p.kind == otlpHistogram && !pt.ordered():
		wrong = fault{"bucket_counts", "histogram_invalid"}
	}
	if wrong.code != "" {
		d.out.refuse(wrong.field, wrong.code)
		d.out.next()
		return
	}
	d.newest = max(d.newest, pt.t)
	if d.within == nil {
		d.label()
	}
	switch p.kind {
	case otlpHistogram:
		d.histogram(p, pt)
	case otlpSummary:
		d.summary(p, pt)
	default:
		d.value(p, pt, "", "", 0, pt.value)
	}
	d.learn(p)
	d.out.next()
}

// ordered reports whether a histogram has one bucket more than bounds, or neither,
// and its bounds ascend.
func (pt *point) ordered() bool {
	for i, bound := range pt.bounds {
		if math.IsNaN(bound) || i > 0 && bound <= pt.bounds[i-1] {
			return false
		}
	}
	return len(pt.buckets) == len(pt.bounds)+1 || len(pt.buckets)+len(pt.bounds) == 0
}

func (d *otlp) histogram(p *points, pt *point) {
	if pt.hasSum {
		d.value(p, pt, "_sum", "", 0, pt.sum)
	}
	d.value(p, pt, "_count", "", 0, float64(pt.count))
	below := uint64(0)
	for i, bound := range pt.bounds {
		below += pt.buckets[i]
		if !math.IsInf(bound, 1) { // that one is the count
			d.value(p, pt, "_bucket", "le", bound, float64(below))
		}
	}
	d.value(p, pt, "_bucket", "le", math.Inf(1), float64(pt.count))
}

func (d *otlp) summary(p *points, pt *point) {
	d.value(p, pt, "_sum", "", 0, pt.sum)
	d.value(p, pt, "_count", "", 0, float64(pt.count))
	for _, q := range pt.quantiles {
		d.value(p, pt, "", "quantile", q[0], q[1])
	}
}

// number writes a bound or quantile as Prometheus does.
func (d *otlp) number(v float64) []byte {
	d.bound = strconv.AppendFloat(d.bound[:0], v, 'f', -1, 64)
	return d.bound
}

// value hands on one series of a point: the name with a suffix, the labels with
// one more. What a delta adds up to is found when the batch is built.
func (d *otlp) value(p *points, pt *point, suffix, label string, bound, v float64) {
	if pt.noValue {
		v = math.Float64frombits(staleNaN)
	}
	run, wrong := d.series(p, suffix, label, bound)
	if p.delta && !pt.noValue && wrong.code == "" {
		d.out.runs[run].delta = true
		if math.IsNaN(v) || math.IsInf(v, 0) {
			wrong = fault{"value", "sample_not_finite"}
		}
	}
	d.out.put(run, wrong, pt.t, v)
}

// series finds the series of a value.
func (d *otlp) series(p *points, suffix, label string, bound float64) (uint32, fault) {
	if d.within != nil {
		if w := d.recall(suffix, bound); w != nil {
			return d.out.runOf(w.series), fault{}
		}
		d.reread()
	}
	d.restore()
	if label != "" {
		d.out.label([]byte(label), d.number(bound))
	}
	d.name = append(append(d.name[:0], p.name...), suffix...)
	run, wrong := d.out.series(d.name)
	if d.within != nil {
		d.out.learn(d.within, d.shared, run, wrong)
	}
	return run, wrong
}
