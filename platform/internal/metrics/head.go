package metrics

import "slices"

// headRows is how many samples of a series are kept in memory at most, 2 KiB.
// Then the oldest go, several at once: to move all for each new one
// would cost more than the sample itself.
const (
	headRows = 128
	headGone = 8
)

// sample is a value at a time, unix nanoseconds.
type sample struct {
	t int64
	v float64
}

// head holds the newest samples of one series in the order of their times. It
// is complete for times ≥ floor; what is older is in the log only.
type head struct {
	floor int64
	rows  []sample
}

// put adds a sample; one at a known time replaces it, one older than the floor
// is left to the log.
func (h *head) put(t int64, v float64) {
	if t < h.floor {
		return
	}
	at := len(h.rows)
	if at < headRows && (at == 0 || h.rows[at-1].t < t) { // nearly always
		h.rows = append(h.rows, sample{t, v})
		return
	}
	for at > 0 && h.rows[at-1].t >= t {
		at--
	}
	if at < len(h.rows) && h.rows[at].t == t {
		h.rows[at].v = v
		return
	}
	if len(h.rows) < headRows {
		h.rows = slices.Insert(h.rows, at, sample{t, v})
		return
	}
	if at == 0 { // older than all that are kept, and there is no room
		h.floor = t + 1
		return
	}
	h.floor = h.rows[headGone-1].t + 1
	h.rows = h.rows[:copy(h.rows, h.rows[headGone:])]
	if at >= headGone {
		h.rows = slices.Insert(h.rows, at-headGone, sample{t, v})
	}
}

// covers reports whether the head holds everything from a time on.
func (h *head) covers(from int64) bool { return h.floor <= from }

// ring holds the newest samples in the order they were received.
type ring struct {
	rows  []point
	next  int // where the next one goes
	count int
}

// ringRows bounds the ring; a longer answer is read from the log.
const ringRows = 4096

func (r *ring) put(p point) {
	if r.rows == nil {
		r.rows = make([]point, ringRows)
	}
	r.rows[r.next] = p
	if r.next++; r.next == len(r.rows) {
		r.next = 0
	}
	r.count = min(r.count+1, len(r.rows))
}

// newest returns the n newest, newest first; false if it does not hold as many.
func (r *ring) newest(n int) ([]point, bool) {
	if n > r.count {
		return nil, false
	}
	out := make([]point, n)
	for i := range out {
		out[i] = r.rows[(r.next-1-i+2*len(r.rows))%len(r.rows)]
	}
	return out, true
}
