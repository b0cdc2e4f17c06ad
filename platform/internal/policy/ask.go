package policy

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The bounds of what a decision keeps.
const (
	maxSeen   = 64   // samples
	maxReason = 1024 // bytes
	maxBeside = 256  // samples of other series of its batch
)

// newest returns the newest unjudged row.
func (t *track) newest() (p piece, row uint32) {
	for i, q := range t.rows {
		if last := q.first + q.count - 1; i == 0 || q.from.batch.Times[last] > p.from.batch.Times[row] {
			p, row = q, last
		}
	}
	return p, row
}

// compose lays the due rows out in columns, leaving out what is not newer than
// the newest sample judged: late and repeated samples are history.
func (d *desk) compose() {
	a := &d.ask
	a.Runs, a.Times, a.Values = a.Runs[:0], a.Times[:0], a.Values[:0]
	d.asked, d.origins = d.asked[:0], d.origins[:0]
	for _, t := range d.due {
		first, last, flags := len(a.Times), t.last, uint32(0)
		for _, p := range t.rows {
			times := p.from.batch.Times[p.first : p.first+p.count]
			values := p.from.batch.Values[p.first : p.first+p.count]
			old := sort.Search(len(times), func(i int) bool { return times[i] > last })
			if old == len(times) {
				continue
			}
			a.Times, a.Values = append(a.Times, times[old:]...), append(a.Values, values[old:]...)
			for range len(times) - old {
				d.origins = append(d.origins, p.from)
			}
			last, flags = times[len(times)-1], flags|p.flags
		}
		if n := len(a.Times) - first; n > 0 {
			a.Runs = append(a.Runs, flow.Run{ID: t.id, Meta: t.series, First: uint32(first), Count: uint32(n), Flags: flags})
			d.asked = append(d.asked, t)
		}
	}
}

// done forgets the rows that were judged.
func (d *desk) done() {
	for i, t := range d.asked {
		r := d.ask.Runs[i]
		t.last = d.ask.Times[r.First+r.Count-1]
		t.silent = false
	}
	for _, t := range d.due {
		clear(t.rows)
		t.rows = t.rows[:0]
	}
	clear(d.origins)
	clear(d.asked)
	d.due, d.origins, d.asked, d.heard = d.due[:0], d.origins[:0], d.asked[:0], evaluation{}
}

// placed is a judgement with the row of the ask that it speaks of.
type placed struct {
	flow.Judgement
	row int
}

// paper is what notes are written on, again and again.
type paper struct {
	answers []placed
	notes   []note
}

// maxPaper bounds what is kept of it: 2 MiB.
const maxPaper = 1 << 13

// wipe forgets what was written.
func (p *paper) wipe() {
	clear(p.answers)
	clear(p.notes)
	if p.answers, p.notes = p.answers[:0], p.notes[:0]; cap(p.notes) > maxPaper {
		*p = paper{}
	}
}

// notes turns the guest's answers into notes, in the order in which they would
// have come about had each batch been judged alone: what is decided must not
// depend on how batches were put together. A verdict stands from its row to the
// next one; a series without an answer keeps the verdict it has.
func (d *desk) notes(on *paper, judgements []flow.Judgement) []note {
	answers, notes := on.answers[:0], on.notes[:0]
	sorted := true
	for i := range judgements {
		row := d.rowOf(&judgements[i])
		sorted = sorted && (i == 0 || answers[i-1].row <= row)
		answers = append(answers, placed{judgements[i], row})
	}
	if on.answers = answers; !sorted {
		slices.SortStableFunc(answers, func(a, b placed) int { return cmp.Compare(a.row, b.row) })
	}
	for i, t := range d.asked {
		first, end := int(d.ask.Runs[i].First), int(d.ask.Runs[i].First+d.ask.Runs[i].Count)
		n := 0
		for n < len(answers) && answers[n].row < end {
			n++
		}
		if n == 0 {
			notes = append(notes, note{})
			d.standing(&notes[len(notes)-1], t, end-1)
		}
		for k := range n {
			until := end
			if k+1 < n {
				until = answers[k+1].row
			}
			notes = append(notes, note{})
			d.note(&notes[len(notes)-1], t, &answers[k], first, max(until-1, answers[k].row))
		}
		answers = answers[n:]
	}
	on.notes = notes
	// Mostly they are in order, and copies of notes would be half of what
	// recording them costs.
	for i := 1; i < len(notes); i++ {
		if notes[i-1].compare(&notes[i]) > 0 {
			slices.SortStableFunc(notes, func(a, b note) int { return a.compare(&b) })
			break
		}
	}
	return notes
}

// standing is set to the note of a verdict that is as it was.
func (d *desk) standing(n *note, t *track, newest int) {
	*n = note{track: t}
	d.covering(n, newest)
	n.at, n.received = n.newest, n.heard
	if d.origins[newest].bare && isClear(t.said) {
		n.verdict, t.said, n.basis = vigil.VerdictNoData, vigil.VerdictNoData, vigil.BasisAbsence
	}
}

// compare orders notes by when they came about.
func (n *note) compare(m *note) int {
	if c := n.received.Compare(m.received); c != 0 {
		return c
	}
	return n.at.Compare(m.at)
}

// rowOf finds the row that a judgement speaks of: the one with its time, else
// the last of its series.
func (d *desk) rowOf(j *flow.Judgement) int {
	r := d.ask.Runs[j.Run]
	times := d.ask.Times[r.First : r.First+r.Count]
	i, ok := slices.BinarySearch(times, j.At.UnixNano())
	if !ok {
		i = len(times) - 1
	}
	return int(r.First) + i
}

// note is set to one answer as the host understands it: samples that came too late or
// are no numbers fire nothing, whatever the guest says, and the absence of samples
// proves nothing to be well.
func (d *desk) note(n *note, t *track, a *placed, first, newest int) {
	*n = note{
		track: t, verdict: a.Verdict, value: finite(a.Value), reason: clip(a.Message),
		at: time.Unix(0, d.ask.Times[a.row]), received: d.origins[a.row].batch.Received,
	}
	v := d.ask.Values[a.row]
	unfit := math.IsNaN(v) || math.IsInf(v, 0)
	bare := d.origins[a.row].bare
	if (unfit && n.verdict == vigil.VerdictFire) || (bare && isClear(n.verdict)) || n.received.Sub(n.at) > d.bound.row.Lookback.D() {
		n.verdict = vigil.VerdictNoData
	}
	t.said, n.bare = n.verdict, bare
	n.seen, n.asking = d.seen(first, a.row, d.ask.Runs[a.Run].Flags), d.heard.about(a.Run)
	d.covering(n, newest)
}

// isClear reports whether a verdict says that its target is well.
func isClear(v vigil.Verdict) bool { return v == vigil.VerdictOK || v == vigil.VerdictInfo }

// covering says which row is the newest that a note's verdict holds for.
func (d *desk) covering(n *note, row int) {
	o := d.origins[row]
	n.newest, n.heard, n.began, n.trail = time.Unix(0, d.ask.Times[row]), o.batch.Received, o.at, o.batch.Trail
}

// seen is the samples of a series up to a row, the last maxSeen of them.
func (d *desk) seen(first, row int, flags uint32) slice {
	first = max(first, row+1-maxSeen)
	return slice{d.ask.Times[first : row+1], d.ask.Values[first : row+1], flags}
}

// beside copies the first series of the batch, as many as a decision may keep:
// a guest that asks the host is answered in the order in which it asks.
func (d *desk) beside() (all []vigil.Beside) {
	rows := uint32(0)
	for _, r := range d.ask.Runs {
		if rows += r.Count; rows > maxBeside {
			break
		}
		seen := slice{d.ask.Times[r.First : r.First+r.Count], d.ask.Values[r.First : r.First+r.Count], r.Flags}
		all = append(all, vigil.Beside{SeriesID: r.ID, Series: r.Meta, Flags: r.Flags, Samples: seen.observations()})
	}
	return all
}

// clip bounds a guest's message.
func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
