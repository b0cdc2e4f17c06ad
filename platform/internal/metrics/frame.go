package metrics

import (
	"encoding/binary"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
)

// frame is one batch of a blob; its columns alias the blob. Nothing is
// allocated on the word of a length that was read: columns are cut from bytes
// that are there, and counts are spent row by row.
type frame struct {
	received            int64
	runs, times, values []byte
}

// readFrame returns the first frame of b and its length, or a length ≤ 0.
func readFrame(b []byte) (frame, int) {
	received, n := binary.Varint(b)
	if n <= 0 {
		return frame{}, 0
	}
	var lens [3]int
	for i := range lens {
		v, k := binary.Uvarint(b[n:])
		if k <= 0 || v > uint64(len(b)) {
			return frame{}, 0
		}
		lens[i], n = int(v), n+k
	}
	end := n + lens[0] + lens[1] + lens[2]
	if end > len(b) {
		return frame{}, 0
	}
	runs, times := b[n:n+lens[0]], b[n+lens[0]:n+lens[0]+lens[1]]
	return frame{received, runs, times, b[n+lens[0]+lens[1] : end]}, end
}

// each yields the frame's rows. more is false when yield asked to stop, ok
// when the three columns agree and end together.
func (f frame) each(yield func(point) bool) (more, ok bool) {
	var id uint64
	for len(f.runs) > 0 {
		step, n := binary.Varint(f.runs)
		if n <= 0 {
			return false, false
		}
		count, k := binary.Uvarint(f.runs[n:])
		if k <= 0 {
			return false, false
		}
		f.runs = f.runs[n+k:]
		id += uint64(step)
		if more, ok = f.run(id, count, yield); !more || !ok {
			return more, ok
		}
	}
	return true, len(f.times) == 0 && len(f.values) == 0
}

// run yields count rows of one series and moves the two columns past them.
func (f *frame) run(id, count uint64, yield func(point) bool) (more, ok bool) {
	t, delta, prev := f.received, int64(0), uint64(0)
	for i := range count {
		dod, n := binary.Varint(f.times)
		if n <= 0 {
			return false, false
		}
		x, k := page.ReadXOR(f.values)
		if k <= 0 {
			return false, false
		}
		f.times, f.values = f.times[n:], f.values[k:]
		d := delta + dod
		if t += d; i > 0 {
			delta = d
		}
		prev ^= x
		if !yield(point{f.received, id, t, math.Float64frombits(prev)}) {
			return false, true
		}
	}
	return true, true
}
