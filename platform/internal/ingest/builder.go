package ingest

import (
	"bytes"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// staleNaN is the value by which Prometheus says that a series ended
// (model/value in its sources).
const staleNaN uint64 = 0x7ff0000000000002

// label says where in builder.tail a label of the series lies that is being
// read. It may be invalid until the series is known.
type label struct{ start, name, nameEnd, value, valueEnd uint32 }

// row is one value of one series of the request.
type row struct {
	run  uint32 // index into builder.runs
	item uint32 // which item of the request said it
	t    int64  // unix nanoseconds
	v    float64
}

// run is one series of the request.
type run struct {
	series flow.SeriesRow
	key    string // of a series that the store does not know yet
	code   string // why it is refused
	delta  bool   // its values are differences
	rows   uint32
}

// fault says why an item is inadmissible; no code means it is not.
type fault struct{ field, code string }

// builder lays the samples of one request out in columns. Decoders hand it each
// series as bytes of the body and each value as a number, so that a sample of a
// known series costs no allocation.
//
// An item is what the protocol refuses by itself: a sample, a point, a line. It
// is admitted whole or not at all. A series that the store does not know is
// named to it in build only, when the whole body was read.
type builder struct {
	store  Store
	limits Limits
	now    int64 // of receipt, for samples without a time
	oldest int64 // the times that are admitted
	newest int64
	late   int64 // samples before this are history, not to be judged

	labels  []label // of the series being read
	tail    []byte  // its labels as its key has them
	spare   []byte  // to put tail in order
	mixed   bool    // they did not come in the order of their names
	crowded bool    // it has more than are admitted, and not all are here
	key     []byte
	heard   listener // of the series' wordings, for the protocols that have some

	runs    []run
	rows    []row
	highest uint64            // id so far
	mingled bool              // ids did not come in ascending order: known holds all
	known   map[uint64]uint32 // run by id
	fresh   map[string]uint32 // run by key
	item    uint32            // number of the present one
	mark    int               // its first row
	bad     bool              // it was refused
	full    bool              // there are more rows than are admitted
	added   []undo            // what was added to deltas
	receipt flow.Receipt
}

// begin starts a series.
func (b *builder) begin() {
	b.labels, b.tail, b.mixed, b.crowded = b.labels[:0], b.tail[:0], false, false
}

// label adds a label to the series. An empty value is the same as no label.
func (b *builder) label(name, value []byte) {
	if len(value) == 0 {
		return
	}
	n := len(b.labels)
	if n >= b.limits.Labels {
		b.crowded = true
		return
	}
	if n > 0 && bytes.Compare(b.nameOf(b.labels[n-1]), name) > 0 {
		b.mixed = true
	}
	start := len(b.tail)
	tail := flow.AppendKeyPart(b.tail, name)
	nameEnd := len(tail)
	tail = flow.AppendKeyPart(tail, value)
	b.tail = tail
	b.labels = append(b.labels, label{
		uint32(start), uint32(nameEnd - len(name)), uint32(nameEnd), uint32(len(tail) - len(value)), uint32(len(tail)),
	})
}

func (b *builder) nameOf(l label) []byte  { return b.tail[l.name:l.nameEnd] }
func (b *builder) valueOf(l label) []byte { return b.tail[l.value:l.valueEnd] }

// order puts the labels in the order of their names.
func (b *builder) order() {
	for i := range b.labels { // they are few, and mostly one is out of place
		for j := i; j > 0 && bytes.Compare(b.nameOf(b.labels[j-1]), b.nameOf(b.labels[j])) > 0; j-- {
			b.labels[j-1], b.labels[j] = b.labels[j], b.labels[j-1]
		}
	}
	to := b.spare[:0]
	for i, l := range b.labels {
		moved := uint32(len(to)) - l.start
		to = append(to, b.tail[l.start:l.valueEnd]...)
		b.labels[i] = label{l.start + moved, l.name + moved, l.nameEnd + moved, l.value + moved, l.valueEnd + moved}
	}
	b.tail, b.spare, b.mixed = to, b.tail, false
}

// series looks up the series with a name and the labels since begin, in any
// order, and returns its run.
func (b *builder) series(name []byte) (uint32, fault) {
	if b.crowded {
		return 0, fault{"labels", "label_limit"}
	}
	if b.mixed {
		b.order()
	}
	key := append(flow.AppendKeyPart(b.key[:0], name), b.tail...)
	b.key = key
	if s, ok := b.store.Find(key); ok {
		return b.runOf(s), fault{}
	}
	if at, ok := b.fresh[string(key)]; ok {
		return at, fault{}
	}
	if f := b.check(name); f.code != "" {
		return 0, f
	}
	own := string(key)
	at := b.start(run{key: own})
	b.fresh[own] = at
	return at, fault{}
}

// runOf returns the run of a series of the store. Requests mostly name series in
// the order in which they became known, each once: then no map is needed.
func (b *builder) runOf(s flow.SeriesRow) uint32 {
	switch {
	case s.ID > b.highest:
		b.highest = s.ID
	case b.mingled:
	default:
		b.mingled = true
		for i := range b.runs {
			if r := &b.runs[i]; r.key == "" {
				b.known[r.series.ID] = uint32(i)
			}
		}
	}
	if b.mingled {
		if at, ok := b.known[s.ID]; ok {
			return at
		}
		b.known[s.ID] = uint32(len(b.runs))
	}
	return b.start(run{series: s})
}

func (b *builder) start(r run) uint32 {
	b.runs = append(b.runs, r)
	return uint32(len(b.runs) - 1)
}

// put adds a value to the present item. f is what was wrong with its series; a
// time that is not admitted is told first.
func (b *builder) put(run uint32, f fault, t int64, v float64) {
	switch {
	case b.bad:
	case t < b.oldest:
		b.refuse("ts", "sample_too_old")
	case t > b.newest:
		b.refuse("ts", "sample_too_new")
	case f.code != "":
		b.refuse(f.field, f.code)
	case len(b.rows) >= b.limits.Samples:
		b.full = true
	default:
		b.rows = append(b.rows, row{run, b.item, t, v})
	}
}

// extra adds a value that no item of the request said, after the present item.
// It stands and falls alone, and is not counted.
func (b *builder) extra(run uint32, t int64, v float64) {
	if len(b.rows) < b.limits.Samples {
		b.rows = append(b.rows, row{run, noItem, t, v})
	}
	b.mark = len(b.rows)
}

// noItem marks rows that no item said.
const noItem = ^uint32(0)

// adds reports whether a row is a difference.
func (b *builder) adds(r row) bool {
	return b.runs[r.run].delta && math.Float64bits(r.v) != staleNaN
}

// refuse leaves the present item out, with all its rows.
func (b *builder) refuse(field, code string) {
	if !b.bad {
		b.bad = true
		b.rows = b.rows[:b.mark]
		b.reject(b.item, field, code)
	}
}

func (b *builder) reject(item uint32, field, code string) {
	b.receipt.Refused++
	if len(b.receipt.Rejected) < maxNamed {
		b.receipt.Rejected = append(b.receipt.Rejected, flow.Rejection{Index: int(item), Field: field, Code: code})
	}
}

// next ends the present item.
func (b *builder) next() {
	b.item++
	b.mark, b.bad = len(b.rows), false
}
