package policy

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// reading is what a policy last said of one series.
type reading struct {
	series   vigil.Series
	verdict  vigil.Verdict
	value    float64
	reason   string
	at       time.Time // of the sample that decided
	received time.Time
	since    time.Time // when the collector received the sample that made the verdict another
	newest   time.Time // of the newest sample the verdict covers
	heard    time.Time // when that one was received
	samples  []vigil.Observation
	asking   evaluation
	trail    *flow.Trail // that led to the newest sample
}

// evaluation is what a replay of a guest's answer needs beside the samples, if
// the guest made calls.
type evaluation struct {
	now   time.Time
	seq   uint64
	calls []vigil.HostCall
}

// silent reports whether the newest sample is older than the lookback. A
// sample from the future is as old as its receipt.
func (r *reading) silent(now time.Time, lookback time.Duration) bool {
	last := r.newest
	if last.After(r.heard) {
		last = r.heard
	}
	return now.Sub(last) > lookback
}

// note is one step of a series' verdict, on its way from a guest to a book.
type note struct {
	track    *track
	verdict  vigil.Verdict // "": stands as it was
	value    float64
	reason   string
	at       time.Time // of the sample that decided; zero: none did
	received time.Time // when the note came about
	newest   time.Time // of the newest sample until the next note
	heard    time.Time
	samples  []vigil.Observation // what the guest saw, when the verdict is another than before
	asking   evaluation          // and what it asked of the host
	trail    *flow.Trail
	began    time.Time // when the newest sample began to wait
}

// turns reports whether a note says something else than the last of its series.
func (s *subject) turns(n note) bool {
	r := s.readings[n.track.id]
	return n.verdict != "" && (r == nil || r.verdict != n.verdict)
}

// hear takes a note into the readings.
func (s *subject) hear(n note) {
	r := s.readings[n.track.id]
	if r == nil {
		if n.verdict == "" {
			return
		}
		r = &reading{series: n.track.series}
		s.readings[n.track.id] = r
		if s.about == 0 && isOpen(s.ep) && s.ep.Series.String() == r.series.String() {
			s.about = n.track.id
		}
	}
	if n.newest.After(r.newest) {
		r.newest, r.heard, r.trail = n.newest, n.heard, n.trail
	}
	if n.verdict == "" {
		return
	}
	if r.verdict != n.verdict {
		r.since, r.samples, r.asking = n.received, n.samples, n.asking
	}
	r.verdict, r.reason, r.at, r.received = n.verdict, n.reason, n.at, n.received
	if n.verdict != vigil.VerdictError {
		r.value = n.value
	}
}
