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
	seen     slice     // what the guest saw when it said so; its columns are the reading's own
	asking   evaluation
	basis    vigil.Basis
	bare     bool        // the sample that decided is a result that rests on none
	trail    *flow.Trail // that led to the newest sample
}

// slice is the samples of one series that a guest saw.
type slice struct {
	times  []int64 // unix nanoseconds
	values []float64
	flags  uint32 // abi.FlagStale, …
}

// copyFrom makes s the same as another slice, in columns of its own.
func (s *slice) copyFrom(other slice) {
	s.times = append(s.times[:0], other.times...)
	s.values = append(s.values[:0], other.values...)
	s.flags = other.flags
}

// observations are the samples as a decision keeps them.
func (s slice) observations() []vigil.Observation {
	out := make([]vigil.Observation, len(s.times))
	for i, at := range s.times {
		out[i] = vigil.Observation{Time: time.Unix(0, at), Value: s.values[i]}
	}
	return out
}

// evaluation is what a replay of a guest's answer needs beside the samples.
type evaluation struct {
	now   time.Time
	seq   uint64
	calls []vigil.HostCall // that the guest made, of the host
	batch []vigil.Beside   // if it made any: the first series of the batch; never changed
}

// about is the evaluation as far as it matters for one run of its batch.
func (e evaluation) about(run int) evaluation {
	e.batch = e.batch[:min(run, len(e.batch))]
	return e
}

// silence is how long nobody has spoken at a time.
func (r *reading) silence(now time.Time) vigil.Silence {
	return vigil.Silence{Newest: r.newest, Heard: r.heard, Looked: now}
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
	seen     slice      // what the guest saw; its columns are the desk's
	asking   evaluation // and what it asked of the host
	basis    vigil.Basis
	bare     bool
	trail    *flow.Trail
	began    time.Time // when the newest sample began to wait
}

// turns reports whether a note says something else than the last of its series.
func (s *subject) turns(n *note) bool {
	r := s.readingOf(n.track)
	return n.verdict != "" && (r == nil || r.verdict != n.verdict)
}

// readingOf is the reading of a track's series, nil if nothing was said of it.
func (s *subject) readingOf(t *track) *reading {
	if t.reading == nil {
		t.reading = s.readings[t.id]
	}
	return t.reading
}

// hear takes a note into the readings.
func (s *subject) hear(n *note) {
	r := s.readingOf(n.track)
	if r == nil {
		if n.verdict == "" {
			return
		}
		r = &reading{series: n.track.series}
		s.readings[n.track.id], n.track.reading = r, r
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
		r.since = n.received
	}
	r.seen.copyFrom(n.seen)
	r.asking, r.basis, r.bare = n.asking, n.basis, n.bare
	r.verdict, r.reason, r.at, r.received = n.verdict, n.reason, n.at, n.received
	if n.verdict != vigil.VerdictError {
		r.value = n.value
	}
}
