package ingest

import (
	"context"
	"mime"
	"strings"

	"github.com/prometheus/otlptranslator"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// OTLP admits an ExportMetricsServiceRequest of OTLP/HTTP
// (https://opentelemetry.io/docs/specs/otlp), in protobuf or JSON. Names follow
// Prometheus' translation with underscores and suffixes, see otlpname.go;
// histograms become their classic series, summaries their quantiles, and deltas
// are added up, see delta.go. An item of the receipt is a data point.
func (in *Ingest) OTLP(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	json, err := otlpType(r.ContentType)
	if err != nil {
		return flow.Receipt{}, err
	}
	body := r.Body
	if json {
		if body, err = otlpJSON(body); err != nil {
			return flow.Receipt{}, err
		}
	}
	b := in.builder()
	defer in.done(b)
	b.heard.words = in.points.of(b.store)
	d := otlp{out: b, names: &in.names, heard: listener{words: in.contexts.of(b.store)}}
	if !d.request(body) {
		return flow.Receipt{}, vigil.Errorf(vigil.Invalid, "protobuf_invalid", "data point %d: the message is cut short or malformed", b.item).
			With("index", int(b.item)).
			Hinted("The body must be an ExportMetricsServiceRequest, as its Content-Type says.")
	}
	return in.admit(ctx, r, b)
}

// otlpType tells the two encodings apart.
func otlpType(header string) (json bool, _ error) {
	kind, params, err := mime.ParseMediaType(header)
	charset := params["charset"]
	if err == nil && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		switch kind {
		case "application/x-protobuf":
			return false, nil
		case "application/json":
			return true, nil
		}
	}
	return false, vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "this content type is not read here").
		Hinted("Send application/x-protobuf or application/json.")
}

// otlp reads one request. A message that holds a part twice which it may hold
// once is refused: what protobuf would merge, no sender means.
type otlp struct {
	out   *builder
	names *names

	job, instance, host []byte   // labels of the present resource's series
	resource            []byte   // its message
	newest              int64    // time of its points
	heard               listener // of what points share
	shared              []byte   // a wording of that, or of what tells the series of a point apart
	region              []byte   // the attributes of the present point, if they stand together
	within              *wording // of them, if they are known

	attrs []attr // of the present point
	text  []byte // values of these that had to be written out
	same  []label
	tail  []byte
	name  []byte
	bound []byte

	buckets   []uint64 // of the present point
	bounds    []float64
	quantiles [][2]float64
}

func (d *otlp) request(body []byte) bool {
	var f field
	w := wire{b: body}
	for w.next(&f) {
		if w.is(&f, 1, wireBytes) && !d.resourceMetrics(f.b) {
			return false
		}
	}
	return !w.bad
}

func (d *otlp) resourceMetrics(body []byte) bool {
	d.resource, d.newest = nil, 0
	if !once(body, 1, &d.resource) || !d.identify() {
		return false
	}
	var f field
	w := wire{b: body}
	for w.next(&f) {
		if w.is(&f, 2, wireBytes) && !d.scopeMetrics(f.b) {
			return false
		}
	}
	return !w.bad && d.target()
}

func (d *otlp) scopeMetrics(body []byte) bool {
	var f field
	w := wire{b: body}
	for w.next(&f) {
		if w.is(&f, 2, wireBytes) && !d.metric(f.b) {
			return false
		}
	}
	return !w.bad
}

// once finds the one field of bytes with a number, false if there are several.
func once(body []byte, num uint32, part *[]byte) bool {
	var f field
	w := wire{b: body}
	for w.next(&f) {
		if w.is(&f, num, wireBytes) {
			if *part != nil {
				return false
			}
			*part = f.b
		}
	}
	return !w.bad
}

// The kinds of a metric, by their field numbers.
const (
	otlpGauge       = 5
	otlpSum         = 7
	otlpHistogram   = 9
	otlpExponential = 10
	otlpSummary     = 11
)

// metric reads a Metric.
func (d *otlp) metric(body []byte) bool {
	var name, unit []byte
	var data field
	var f field
	w := wire{b: body}
	for w.next(&f) {
		switch {
		case w.is(&f, 1, wireBytes):
			name = f.b
		case w.is(&f, 3, wireBytes):
			unit = f.b
		case f.num == otlpGauge || f.num == otlpSum || f.num == otlpHistogram || f.num == otlpExponential || f.num == otlpSummary:
			if data.num != 0 || f.kind != wireBytes {
				return false
			}
			data = f
		}
	}
	return !w.bad && (data.num == 0 || d.data(name, unit, data))
}

// points is what all points of a metric have in common.
type points struct {
	kind    uint32
	name    []byte
	delta   bool
	wrong   fault    // why none of them is admissible
	context *wording // nil: their wordings are not known
}

// data reads the points of a metric.
func (d *otlp) data(name, unit []byte, data field) bool {
	temporality, monotonic := uint64(0), false
	var f field
	w := wire{b: data.b}
	for w.next(&f) {
		switch {
		case w.is(&f, 2, wireVarint):
			temporality = f.n
		case w.is(&f, 3, wireVarint):
			monotonic = f.n != 0
		}
	}
	p := points{kind: data.num, delta: temporality == 1}
	kind := otlptranslator.MetricType(otlptranslator.MetricTypeUnknown)
	switch {
	case p.kind == otlpGauge:
		kind = otlptranslator.MetricTypeGauge
	case p.kind == otlpSum && monotonic:
		kind = otlptranslator.MetricTypeMonotonicCounter
	}
	p.name, p.wrong = d.names.metric(name, unit, kind)
	switch {
	case p.kind == otlpExponential:
		p.wrong = fault{"metric", "exponential_histogram_unsupported"}
	case p.kind != otlpGauge && p.kind != otlpSummary && temporality != 1 && temporality != 2:
		p.wrong = fault{"aggregation_temporality", "temporality_unspecified"}
	}
	p.context = d.context(&p, name, unit, monotonic)
	for w = (wire{b: data.b}); w.next(&f); {
		if w.is(&f, 1, wireBytes) && !d.point(&p, f.b) {
			return false
		}
	}
	return !w.bad
}
