package ingest

import (
	"context"
	"encoding/binary"
	"math"
	"mime"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// RemoteWrite admits a WriteRequest of Prometheus' remote write 1.0
// (https://prometheus.io/docs/specs/prw/remote_write_spec), its snappy block
// already undone. An item of the receipt is a sample, counted over the whole
// request. Values that are not finite are kept, Prometheus' mark of a series'
// end too; labels may come in any order, exemplars and metadata are passed over,
// native histograms are refused one by one.
func (in *Ingest) RemoteWrite(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	if err := checkWriteType(r.ContentType); err != nil {
		return flow.Receipt{}, err
	}
	b := in.builder()
	defer in.done(b)
	b.heard.words = in.writes.of(b.store)
	if err := decodeWrite(r.Body, b); err != nil {
		return flow.Receipt{}, err
	}
	return in.admit(ctx, r, b)
}

// checkWriteType answers other messages than 1.0's so that a sender of 2.0 falls
// back to it.
func checkWriteType(header string) error {
	if header == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	proto := params["proto"]
	if err == nil && kind == "application/x-protobuf" && (proto == "" || proto == "prometheus.WriteRequest") {
		return nil
	}
	return errWriteVersion()
}

func errWriteVersion() error {
	return vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "only remote write 1.0 is read here").
		Hinted("Send application/x-protobuf with prometheus.WriteRequest: protobuf_message in Prometheus' remote_write.")
}

func decodeWrite(body []byte, out *builder) error {
	w := wire{b: body}
	var f field
	for w.next(&f) {
		switch {
		case w.is(&f, 1, wireBytes):
			if !decodeSeries(f.b, out) {
				w.bad = true
			}
		case f.num == 4 || f.num == 5: // the symbols and series of 2.0
			return errWriteVersion()
		}
	}
	if w.bad {
		return vigil.Errorf(vigil.Invalid, "protobuf_invalid", "sample %d: the message is cut short or malformed", out.item).
			With("index", int(out.item)).
			Hinted("The body must be a prometheus.WriteRequest, compressed as one snappy block.")
	}
	return nil
}

// decodeSeries reads a TimeSeries: first its labels, wherever they stand, and
// then what they name.
func decodeSeries(body []byte, out *builder) bool {
	w := out.heard.guess(body)
	if w == nil {
		w = out.heard.recall(nil, body[:labelsOf(body, labelTag)])
	}
	if w != nil && onlySamples(body[len(w.text):]) {
		return decodeSamples(body[len(w.text):], out, out.runOf(w.series), fault{})
	}
	out.begin()
	var name []byte
	first := labelsOf(body, labelTag) // nearly always all of them
	for rest := body[:first]; len(rest) > 0; rest = rest[2+rest[1]:] {
		if !decodeLabel(rest[2:2+rest[1]], out, &name) {
			return false
		}
	}
	rest := body[first:]
	var f field
	m := wire{b: rest}
	for m.next(&f) {
		if m.is(&f, 1, wireBytes) && !decodeLabel(f.b, out, &name) {
			return false
		}
	}
	if m.bad {
		return false
	}
	run, wrong := out.series(name)
	if w == nil && onlySamples(rest) {
		out.learn(nil, body[:first], run, wrong)
	}
	return decodeSamples(rest, out, run, wrong)
}

// labelTag begins a label in a TimeSeries.
const labelTag = 1<<3 | wireBytes

// labelsOf is how many bytes of a message are labels, or what else begins with
// tag, before anything else.
func labelsOf(b []byte, tag byte) (n int) {
	for len(b)-n >= 2 && b[n] == tag && b[n+1] < 0x80 && len(b)-n-2 >= int(b[n+1]) {
		n += 2 + int(b[n+1])
	}
	return n
}

// onlySamples reports whether the rest of a TimeSeries is samples of the form in
// which nearly every one comes.
func onlySamples(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 2 || b[0] != 2<<3|wireBytes || b[1] >= 0x80 || len(b)-2 < int(b[1]) {
			return false
		}
		b = b[2+b[1]:]
	}
	return true
}

// decodeSamples reads what a TimeSeries has beside its labels.
func decodeSamples(body []byte, out *builder, run uint32, wrong fault) bool {
	var f field
	w := wire{b: body}
	for w.next(&f) {
		switch {
		case w.is(&f, 2, wireBytes):
			if !decodeSample(f.b, out, run, wrong) {
				return false
			}
		case f.num == 4:
			out.refuse("histograms", "native_histogram_unsupported")
			out.next()
		}
	}
	return !w.bad
}

// decodeLabel reads a label: its name and its value. It sets name for the label
// that is the metric's name; a second one is kept, to be refused as a label.
func decodeLabel(body []byte, out *builder, name *[]byte) bool {
	var key, value []byte
	if n, m, ok := shortLabel(body); ok {
		key, value = body[2:n], body[n+2:m]
	} else {
		var f field
		w := wire{b: body}
		for w.next(&f) {
			switch {
			case w.is(&f, 1, wireBytes):
				key = f.b
			case w.is(&f, 2, wireBytes):
				value = f.b
			}
		}
		if w.bad {
			return false
		}
	}
	if string(key) == "__name__" && *name == nil {
		*name = value
		return true
	}
	out.label(key, value)
	return true
}

// shortLabel finds the ends of name and value in the form in which nearly every
// label comes: both in order, each shorter than 128 bytes.
func shortLabel(b []byte) (n, m int, ok bool) {
	if len(b) < 4 || b[0] != 1<<3|wireBytes || b[1] >= 0x80 {
		return 0, 0, false
	}
	n = 2 + int(b[1])
	if n+2 > len(b) || b[n] != 2<<3|wireBytes || b[n+1] >= 0x80 {
		return 0, 0, false
	}
	m = n + 2 + int(b[n+1])
	return n, m, m == len(b)
}

func decodeSample(body []byte, out *builder, run uint32, wrong fault) bool {
	if v, ms, ok := plainSample(body); ok {
		out.put(run, wrong, fromUnix(ms, 1e6), v)
		out.next()
		return true
	}
	var v float64
	var ms int64
	var f field
	w := wire{b: body}
	for w.next(&f) {
		switch {
		case w.is(&f, 1, wireFixed64):
			v = f.float()
		case w.is(&f, 2, wireVarint):
			ms = int64(f.n)
		}
	}
	out.put(run, wrong, fromUnix(ms, 1e6), v)
	out.next()
	return !w.bad
}

// plainSample reads a sample in the form in which nearly every one comes: value
// and time, both there and in order.
func plainSample(b []byte) (v float64, ms int64, ok bool) {
	if len(b) < 11 || b[0] != 1<<3|wireFixed64 || b[9] != 2<<3|wireVarint {
		return 0, 0, false
	}
	n, size := binary.Uvarint(b[10:])
	return math.Float64frombits(binary.LittleEndian.Uint64(b[1:])), int64(n), size == len(b)-10
}

// fromUnix turns a count of units since 1970 into nanoseconds. What does not fit
// becomes the end of all time, to be refused for its age.
func fromUnix(n, unit int64) int64 {
	switch {
	case n > math.MaxInt64/unit:
		return math.MaxInt64
	case n < math.MinInt64/unit:
		return math.MinInt64
	}
	return n * unit
}
