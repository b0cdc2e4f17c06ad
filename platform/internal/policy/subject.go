package policy

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// lookEvery is how often a target is looked at while its episode is open or was
// until recently, so that `for` and `recover_for` of seconds are kept.
const lookEvery = 500 * time.Millisecond

// subject is one target as one policy sees it. Its book's lock guards it.
type subject struct {
	rule     *rule
	target   vigil.Target
	group    string
	readings map[uint64]*reading // by series id
	tracks   int                 // series bound to it, on all shards
	next     time.Time           // of the next look while hot
	gone     bool                // nothing is told of it any more
	steady   int                 // one more than the index of its newest note that changes nothing; 0 outside of record

	entered   vigil.Health // as the census knows it; "": it does not
	enteredAt time.Time
	course
}

// course is what a look may change; it is put back when the ledger refuses.
type course struct {
	ep    vigil.Episode // open, last ended, or zero
	about uint64        // id of the series that ep is about, 0 if not known
	kept  time.Time     // ep.LastAt as it is on disk
	word  vigil.Verdict // of the last decision row
	watch time.Time     // until when the healer is told though no episode is open
	owed  bool          // the healer has not been told that ep ended

	health vigil.Health // by the last look
}

// finding is what all readings of a subject say together.
type finding struct {
	id      uint64   // of the series that speaks
	reading *reading // its reading; nil when there is none at all
	verdict vigil.Verdict
	mute    bool // the series has not spoken for the lookback
	silent  bool // nobody has
}

// rank orders verdicts by which one speaks for a target: any series that fires
// makes it fire, an error is no evidence of health, the silence of one series
// is outvoted by the others.
func rank(v vigil.Verdict) int {
	switch v {
	case vigil.VerdictFire:
		return 4
	case vigil.VerdictError:
		return 3
	case vigil.VerdictInfo:
		return 2
	case vigil.VerdictOK:
		return 1
	case vigil.VerdictNoData, vigil.VerdictPending:
	}
	return 0
}

// find joins the readings. Of several with the same verdict the series that
// the episode is about speaks, else the one that said so first. Without any, as
// after a restart, nothing is found until the episode's last sample is too old.
func (s *subject) find(now time.Time, lookback time.Duration) finding {
	if len(s.readings) == 0 {
		if now.Sub(s.ep.LastAt) > lookback {
			return finding{verdict: vigil.VerdictNoData, silent: true}
		}
		return finding{}
	}
	var best finding
	silent := true
	for id, r := range s.readings {
		f := finding{id: id, reading: r, verdict: r.verdict}
		if r.silence(now).Lasts(lookback) {
			f.verdict, f.mute = vigil.VerdictNoData, true
		} else {
			silent = false
		}
		if best.reading == nil || s.before(f, best) {
			best = f
		}
	}
	best.silent = silent
	return best
}

// before reports whether a speaks before b.
func (s *subject) before(a, b finding) bool {
	if x, y := rank(a.verdict), rank(b.verdict); x != y {
		return x > y
	}
	if (a.id == s.about) != (b.id == s.about) {
		return a.id == s.about
	}
	if !a.reading.since.Equal(b.reading.since) {
		return a.reading.since.Before(b.reading.since)
	}
	return a.id < b.id
}

// hot reports whether the subject is to be looked at though no sample comes.
func (s *subject) hot(now time.Time) bool {
	return isOpen(s.ep) || now.Before(s.watch)
}

// calm reports whether a look could change nothing and nobody waits for one:
// the target was well and is said to be. Nearly all notes find it so.
func (s *subject) calm(n *note, now time.Time) bool {
	return s.word == vigil.VerdictOK && n.verdict == vigil.VerdictOK && !s.owed && !s.hot(now)
}

// pace is how often it is looked at while hot.
func (s *subject) pace(p vigil.Policy) time.Duration {
	if s.ep.ID == "" { // watched only because the collector has just started
		return p.Interval.D()
	}
	return min(p.Interval.D(), lookEvery)
}

// treatment is how long after an episode's end its target may still be under
// treatment: all steps of the runbook, then the verification, and a little.
func treatment(p vigil.Policy) time.Duration {
	d := p.Verify.Stabilise.D() + p.Verify.Window.D() + time.Minute
	for _, step := range p.Runbook {
		d += step.Timeout.D()
	}
	return d
}

// judged is what the healer is told of the subject on each look.
func (s *subject) judged(f finding) flow.Judged {
	j := flow.Judged{Policy: s.rule.name, Target: s.target, Verdict: f.verdict, Reach: s.rule.reach()}
	if f.reading != nil {
		j.Value, j.SampleAt, j.ReceivedAt = f.reading.value, f.reading.newest, f.reading.heard
	}
	return j
}
