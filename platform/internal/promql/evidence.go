package promql

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// ahead is how far in the future a series is looked for: as much as a sender's
// clock may be ahead for its samples to be admitted.
const ahead = 10 * time.Minute

// evidence is what the selectors of one evaluation read of the present: for each
// of them that found anything, its series and when each was last heard of. The
// engine does not say which series a result came from, so a result is taken to
// rest on every series that does not contradict its labels.
type evidence struct {
	at        int64 // of the evaluation, unix milliseconds
	selectors [][]heardSeries
	indexes   map[string]*evidenceIndex // by the label names of results
}

type heardSeries struct {
	labels vigil.Labels
	newest int64 // unix nanoseconds
}

// add notes what a selector of the present found and cuts off what lies after to,
// in milliseconds. A series that has samples of the future is sent by a clock
// that is ahead: what it said is at least as much older than it seems.
func (e *evidence) add(found []flow.History, to int64) []flow.History {
	end := time.UnixMilli(to).Add(time.Millisecond - 1).UnixNano()
	var heard []heardSeries
	var kept []flow.History
	for _, h := range found {
		n, future := slices.BinarySearch(h.Times, end)
		if future {
			n++
		}
		if n == 0 {
			continue
		}
		newest := h.Times[n-1]
		if last := h.Times[len(h.Times)-1]; last > end {
			newest -= last - time.UnixMilli(to).UnixNano()
		}
		heard = append(heard, heardSeries{h.Meta.Labels, newest})
		h.Times, h.Values = h.Times[:n], h.Values[:n]
		kept = append(kept, h)
	}
	if len(heard) > 0 {
		e.selectors = append(e.selectors, heard)
	}
	return kept
}

// under returns when the newest sample came that a result rests on: for each
// selector the newest of the series that fit, of all selectors the oldest, for a
// ratio whose one part has fallen silent says nothing new. Zero means that no
// selector found anything.
func (e *evidence) under(result labels.Labels) time.Time {
	var names, values []string
	result.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel {
			names, values = append(names, l.Name), append(values, l.Value)
		}
	})
	var key []byte
	for _, n := range names {
		key = flow.AppendKeyPart(key, n)
	}
	x := e.indexes[string(key)]
	if x == nil {
		if e.indexes == nil {
			e.indexes = map[string]*evidenceIndex{}
		}
		x = newEvidenceIndex(e.selectors, names)
		e.indexes[string(key)] = x
	}
	if oldest := x.oldest(values); oldest != math.MaxInt64 {
		return time.Unix(0, oldest)
	}
	return time.Time{}
}

// evidenceIndex finds the series of each selector that fit results with certain
// label names, whose order is that of the values asked for.
type evidenceIndex struct{ selectors []fitting }

// fitting is one selector's series by those of the label names that they have.
type fitting struct {
	oldest int64 // of all series
	groups map[string]*fittingGroup
}

type fittingGroup struct {
	has    []bool           // which of the names
	newest map[string]int64 // by their values
}

func newEvidenceIndex(selectors [][]heardSeries, names []string) *evidenceIndex {
	x := &evidenceIndex{}
	values, has := make([]string, len(names)), make([]bool, len(names))
	for _, all := range selectors {
		f := fitting{oldest: math.MaxInt64, groups: map[string]*fittingGroup{}}
		for _, s := range all {
			mask := make([]byte, len(names))
			for i, n := range names {
				if values[i], has[i] = s.labels[n]; has[i] {
					mask[i] = 1
				}
			}
			g := f.groups[string(mask)]
			if g == nil {
				g = &fittingGroup{slices.Clone(has), map[string]int64{}}
				f.groups[string(mask)] = g
			}
			key := g.key(values)
			if had, ok := g.newest[key]; !ok || had < s.newest {
				g.newest[key] = s.newest
			}
			f.oldest = min(f.oldest, s.newest)
		}
		x.selectors = append(x.selectors, f)
	}
	return x
}

func (g *fittingGroup) key(values []string) string {
	var key []byte
	for i, v := range values {
		if g.has[i] {
			key = flow.AppendKeyPart(key, v)
		}
	}
	return string(key)
}

// oldest is MaxInt64 when there is nothing at all. Where no series fits, as after
// a label was replaced, it may rest on any of them, so on the most silent one.
func (x *evidenceIndex) oldest(values []string) int64 {
	fit, all := int64(math.MaxInt64), int64(math.MaxInt64)
	for _, f := range x.selectors {
		newest, ok := int64(math.MinInt64), false
		for _, g := range f.groups {
			if at, found := g.newest[g.key(values)]; found {
				newest, ok = max(newest, at), true
			}
		}
		if ok {
			fit = min(fit, newest)
		}
		all = min(all, f.oldest)
	}
	if fit != math.MaxInt64 {
		return fit
	}
	return all
}
