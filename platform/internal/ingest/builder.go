package ingest

import (
	"bytes"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// staleNaN is the value by which Prometheus says that a series ended
// (model/value in its sources).
const staleNaN uint64 = 0x7ff0000000000002

// label is a label of the series that is being read. Both parts alias the body
// and may be invalid until the series is known.
type label struct{ name, value []byte }

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
	crowded bool    // it has more labels than are admitted, and not all are here
	key     []byte

	runs    []run
	rows    []row
	known   map[uint64]uint32 // run by id
	fresh   map[string]uint32 // run by key
	item    uint32            // number of the present one
	mark    int               // its first row
	bad     bool              // it was refused
	full    bool              // there are more rows than are admitted
	receipt flow.Receipt
}

// begin starts a series.
func (b *builder) begin() {
	b.labels, b.crowded = b.labels[:0], false
}

// label adds a label to the series. An empty value is the same as no label.
func (b *builder) label(name, value []byte) {
	switch {
	case len(value) == 0:
	case len(b.labels) >= b.limits.Labels:
		b.crowded = true
	default:
		b.labels = append(b.labels, label{name, value})
	}
}

// series looks up the series with a name and the labels since begin, in any
// order, and returns its run.
func (b *builder) series(name []byte) (uint32, fault) {
	if b.crowded {
		return 0, fault{"labels", "label_limit"}
	}
	if !slices.IsSortedFunc(b.labels, byName) {
		slices.SortStableFunc(b.labels, byName)
	}
	key := flow.AppendKeyPart(b.key[:0], name)
	for _, l := range b.labels {
		key = flow.AppendKeyPart(flow.AppendKeyPart(key, l.name), l.value)
	}
	b.key = key
	if s, ok := b.store.Find(key); ok {
		at, ok := b.known[s.ID]
		if !ok {
			at = b.start(run{series: s})
			b.known[s.ID] = at
		}
		return at, fault{}
	}
	if at, ok := b.fresh[string(key)]; ok {
		return at, fault{}
	}
	if f := b.limits.check(name, b.labels); f.code != "" {
		return 0, f
	}
	own := string(key)
	at := b.start(run{key: own})
	b.fresh[own] = at
	return at, fault{}
}

func byName(a, b label) int { return bytes.Compare(a.name, b.name) }

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
