package metrics

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A log blob is the byte blobVersion followed by frames, one per batch:
//
//	varint received | uvarint len(runs) | uvarint len(times) | uvarint len(values) | runs | times | values
//
// received is in unix nanoseconds. The three columns are read side by side:
//
//	runs    per run: varint series id - id of the run before, uvarint rows
//	times   per row: varint; the first of a run is relative to received, the
//	        second to the first, every further one is a delta of deltas
//	values  per row: the bits XORed with those of the row before (the first of
//	        a run with zero) as one byte, zero bytes above in the high nibble
//	        and below in the low one, then the bytes between, big endian
//
// A repeated value costs two bytes a row with its time. Times are kept to the
// nanosecond, because a duplicate is known by its exact time.
const blobVersion = 1

// castagnoli returns the table of CRC-32C; the standard library makes it once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(blob []byte) uint32 { return crc32.Checksum(blob, castagnoli()) }

// columns are the scratch buffers of one frame's encoding.
type columns struct{ runs, times, values []byte }

// appendFrame appends the batch as one frame.
func appendFrame(dst []byte, b *flow.Batch, c *columns) []byte {
	c.runs, c.times, c.values = c.runs[:0], c.times[:0], c.values[:0]
	received := b.Received.UnixNano()
	var id uint64
	for _, r := range b.Runs {
		c.runs = binary.AppendVarint(c.runs, int64(r.ID-id))
		c.runs = binary.AppendUvarint(c.runs, uint64(r.Count))
		id = r.ID
		c.times = appendTimes(c.times, received, b.Times[r.First:r.First+r.Count])
		c.values = appendValues(c.values, b.Values[r.First:r.First+r.Count])
	}
	dst = binary.AppendVarint(dst, received)
	dst = binary.AppendUvarint(dst, uint64(len(c.runs)))
	dst = binary.AppendUvarint(dst, uint64(len(c.times)))
	dst = binary.AppendUvarint(dst, uint64(len(c.values)))
	dst = append(dst, c.runs...)
	dst = append(dst, c.times...)
	return append(dst, c.values...)
}

// appendTimes writes one run's times. All arithmetic wraps, and unwraps to
// the same bits when read, so that no time is out of range.
func appendTimes(dst []byte, base int64, times []int64) []byte {
	prev, delta := base, int64(0)
	for i, t := range times {
		d := t - prev
		dst = binary.AppendVarint(dst, d-delta)
		if prev = t; i > 0 {
			delta = d
		}
	}
	return dst
}

func appendValues(dst []byte, values []float64) []byte {
	var prev uint64
	for _, v := range values {
		cur := math.Float64bits(v)
		dst = page.AppendXOR(dst, cur^prev)
		prev = cur
	}
	return dst
}

// point is one sample of a log row: received and t are unix nanoseconds.
type point struct {
	received int64
	series   uint64
	t        int64
	v        float64
}

// DecodeLog reads the samples of a log row in the order they were received,
// until yield returns false. A row whose bytes are not what was written gives
// code log_corrupt; nothing of a row with a wrong checksum is yielded.
func DecodeLog(row flow.LogRow, yield func(series uint64, ts int64, v float64) bool) error {
	return decodeRow(row, func(p point) bool { return yield(p.series, p.t, p.v) })
}

func decodeRow(row flow.LogRow, yield func(point) bool) error {
	if checksum(row.Blob) != row.Checksum {
		return corrupt(row.ID, "the checksum does not match")
	}
	if len(row.Blob) == 0 || row.Blob[0] != blobVersion {
		return corrupt(row.ID, "the format is unknown")
	}
	for rest := row.Blob[1:]; len(rest) > 0; {
		f, n := readFrame(rest)
		if n <= 0 {
			return corrupt(row.ID, "a frame is cut short")
		}
		more, ok := f.each(yield)
		if !ok {
			return corrupt(row.ID, "a column is cut short")
		}
		if !more {
			return nil
		}
		rest = rest[n:]
	}
	return nil
}

func corrupt(id int64, what string) error {
	return vigil.Errorf(vigil.Internal, "log_corrupt", "read metric log row %d: %s", id, what)
}
