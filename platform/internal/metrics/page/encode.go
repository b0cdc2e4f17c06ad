package page

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	version = 1

	// MaxSamples bounds the samples of one chunk, each of at most 20 bytes.
	MaxSamples = 4096
	// fullAt is the size, before compression, at which a page is full: large
	// enough for zstd, small enough to read for one series.
	fullAt = 48 << 10
	// maxRaw bounds a page before compression: one chunk was added to a page
	// that was not yet full.
	maxRaw = fullAt + 20*MaxSamples + 64
)

// Chunk is some samples of one series, in order of time, each time once. Times
// are unix nanoseconds.
type Chunk struct {
	Series uint64
	Times  []int64
	Values []float64
}

// Span is what a page covers, first and last included. Times are unix
// nanoseconds.
type Span struct {
	MinTime, MaxTime     int64
	MinSeries, MaxSeries uint64
	Samples              int
}

// Encoder builds one page after the other and keeps its buffers.
type Encoder struct {
	Span // of the page at hand; valid when it is not empty

	zstd                  *zstd.Encoder
	chunks                int
	last                  uint64 // series
	dir, times, values    []byte
	plain, number, rising []byte // of the values at hand, in each coding
	raw                   []byte
	decimals              []int64
}

// NewEncoder returns an Encoder. Close frees it.
func NewEncoder() (*Encoder, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(256<<10), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("make page encoder: %w", err)
	}
	return &Encoder{zstd: z}, nil
}

// Close frees the encoder.
func (e *Encoder) Close() error { return e.zstd.Close() }

// Full reports whether the page at hand should be taken.
func (e *Encoder) Full() bool { return len(e.dir)+len(e.times)+len(e.values) >= fullAt }

// Empty reports whether the page at hand has no chunk.
func (e *Encoder) Empty() bool { return e.chunks == 0 }

// Add puts a chunk into the page at hand. Chunks come in order of series and
// then of time, and have 1 to MaxSamples samples.
func (e *Encoder) Add(c Chunk) {
	n := len(c.Times)
	first, last := c.Times[0], c.Times[n-1]
	if e.chunks == 0 {
		e.MinTime, e.MaxTime, e.MinSeries = first, last, c.Series
	}
	e.MinTime, e.MaxTime, e.MaxSeries = min(e.MinTime, first), max(e.MaxTime, last), c.Series
	e.Samples += n

	unit, scale := unitOf(c.Times)
	values, coding := e.appendValues(c.Values)
	before := len(e.times)
	e.times = appendTimes(e.times, c.Times, scale)
	e.values = append(e.values, values...)

	e.dir = binary.AppendUvarint(e.dir, c.Series-e.last)
	e.dir = binary.AppendUvarint(e.dir, uint64(n))
	e.dir = append(e.dir, unit|coding<<2)
	e.dir = binary.AppendVarint(e.dir, first/scale)
	e.dir = binary.AppendUvarint(e.dir, uint64(last/scale)-uint64(first/scale))
	e.dir = binary.AppendUvarint(e.dir, uint64(len(e.times)-before))
	e.dir = binary.AppendUvarint(e.dir, uint64(len(values)))
	e.last = c.Series
	e.chunks++
}

// Take appends the page at hand to dst and begins the next.
func (e *Encoder) Take(dst []byte) []byte {
	e.raw = binary.AppendUvarint(e.raw[:0], uint64(e.chunks))
	e.raw = append(append(append(e.raw, e.dir...), e.times...), e.values...)
	dst = e.zstd.EncodeAll(e.raw, append(dst, version))
	e.chunks, e.last, e.Samples = 0, 0, 0
	e.dir, e.times, e.values = e.dir[:0], e.times[:0], e.values[:0]
	return dst
}

// scales are the units of time in nanoseconds, by number.
func scales() [4]int64 { return [4]int64{1, 1e3, 1e6, 1e9} }

// unitOf returns the largest unit that measures all times exactly.
func unitOf(times []int64) (unit byte, scale int64) {
	unit, all := 3, scales()
	for _, t := range times {
		for t%all[unit] != 0 {
			unit--
		}
		if unit == 0 {
			break
		}
	}
	return unit, all[unit]
}

// appendTimes writes the times after the first as deltas of deltas. The
// arithmetic wraps, and unwraps to the same bits.
func appendTimes(dst []byte, times []int64, scale int64) []byte {
	delta := int64(0)
	prev := times[0] / scale
	for _, t := range times[1:] {
		t /= scale
		d := t - prev
		dst = binary.AppendVarint(dst, d-delta)
		prev, delta = t, d
	}
	return dst
}
