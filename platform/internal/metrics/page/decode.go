package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
)

// ErrDamaged is the error of bytes that are not a page.
var ErrDamaged = errors.New("damaged page")

// Decoder reads pages and keeps its buffers. It may not be used by two
// goroutines at once.
type Decoder struct {
	zstd    *zstd.Decoder
	raw     []byte
	entries []entry
	times   []int64
	values  []float64
}

// NewDecoder returns a Decoder. Close frees it.
func NewDecoder() (*Decoder, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxRaw), zstd.WithDecoderMaxWindow(maxRaw))
	if err != nil {
		return nil, fmt.Errorf("make page decoder: %w", err)
	}
	return &Decoder{zstd: z}, nil
}

// Close frees the decoder.
func (d *Decoder) Close() { d.zstd.Close() }

// Each calls yield with every chunk of the page that want accepts by its
// series and the times of its first and last sample, in the page's order,
// until yield returns false. A chunk is valid until yield returns. The error
// is ErrDamaged; what came before it was whole.
func (d *Decoder) Each(b []byte, want func(series uint64, first, last int64) bool, yield func(Chunk) bool) error {
	if len(b) == 0 || b[0] != version {
		return fmt.Errorf("%w: unknown format", ErrDamaged)
	}
	raw, err := d.zstd.DecodeAll(b[1:], d.raw[:0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	d.raw = raw
	times, values, ok := d.readDirectory(raw)
	if !ok {
		return fmt.Errorf("%w: the directory does not fit", ErrDamaged)
	}
	for _, e := range d.entries {
		t, v := times[:e.times], values[:e.values]
		times, values = times[e.times:], values[e.values:]
		if !want(e.series, e.first*e.scale, (e.first+e.span)*e.scale) {
			continue
		}
		if !d.readTimes(t, e) || !d.readValues(v, e) {
			return fmt.Errorf("%w: a column does not fit", ErrDamaged)
		}
		if !yield(Chunk{Series: e.series, Times: d.times, Values: d.values}) {
			return nil
		}
	}
	return nil
}

// entry is one line of the directory.
type entry struct {
	series        uint64
	samples       int
	coding        byte  // of values
	scale         int64 // nanoseconds of a unit
	first, span   int64 // in units
	times, values int   // bytes
}

// readDirectory fills entries and returns the two columns, whose lengths are
// those of the entries together.
func (d *Decoder) readDirectory(raw []byte) (times, values []byte, ok bool) {
	r := reader{raw}
	n, ok := r.uvarint()
	if !ok || n > maxRaw {
		return nil, nil, false
	}
	d.entries = d.entries[:0]
	var series uint64
	allTimes, allValues := 0, 0
	for range n {
		e, ok := r.entry(series)
		if !ok {
			return nil, nil, false
		}
		series = e.series
		allTimes, allValues = allTimes+e.times, allValues+e.values // at most maxRaw each time, maxRaw times
		d.entries = append(d.entries, e)
	}
	if allTimes+allValues != len(r.rest) {
		return nil, nil, false
	}
	return r.rest[:allTimes], r.rest[allTimes:], true
}

// readTimes decodes the times of a chunk, which must ascend and end where the
// directory says.
func (d *Decoder) readTimes(b []byte, e entry) bool {
	d.times = append(d.times[:0], e.first*e.scale)
	t, delta := e.first, int64(0)
	for range e.samples - 1 {
		dod, n := binary.Varint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		delta += dod // wraps as it did when it was written
		next := t + delta
		if next <= t || next > e.first+e.span {
			return false
		}
		t = next
		d.times = append(d.times, t*e.scale)
	}
	return len(b) == 0 && t == e.first+e.span
}

func (d *Decoder) readValues(b []byte, e entry) bool {
	if cap(d.values) < e.samples {
		d.values = make([]float64, e.samples)
	}
	d.values = d.values[:e.samples]
	return readValues(d.values, b, e.coding)
}

// reader reads numbers from the front of some bytes.
type reader struct{ rest []byte }

func (r *reader) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return 0, false
	}
	r.rest = r.rest[n:]
	return v, true
}

// count reads a number that some bytes or samples may have.
func (r *reader) count(limit int) (int, bool) {
	v, ok := r.uvarint()
	return int(min(v, uint64(limit)+1)), ok && v <= uint64(limit)
}

// entry reads a line of the directory that follows one of series before.
func (r *reader) entry(before uint64) (e entry, ok bool) {
	step, ok := r.uvarint()
	if e.series = before + step; !ok || e.series < before {
		return e, false
	}
	if e.samples, ok = r.count(MaxSamples); !ok || e.samples == 0 || len(r.rest) == 0 {
		return e, false
	}
	e.scale, e.coding = scales()[r.rest[0]&3], r.rest[0]>>2
	r.rest = r.rest[1:]
	first, n := binary.Varint(r.rest)
	if n <= 0 {
		return e, false
	}
	r.rest = r.rest[n:]
	span, ok := r.uvarint()
	if !ok {
		return e, false
	}
	if e.first, e.span = first, int64(span); !inRange(first, span, e.scale) {
		return e, false
	}
	if e.times, ok = r.count(maxRaw); !ok {
		return e, false
	}
	e.values, ok = r.count(maxRaw)
	return e, ok
}

// inRange reports whether the first and the last time are unix nanoseconds
// that fit an int64.
func inRange(first int64, span uint64, scale int64) bool {
	low, high := math.MinInt64/scale, math.MaxInt64/scale
	return low <= first && first <= high && span <= uint64(high)-uint64(first)
}
