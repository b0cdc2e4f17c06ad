package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxNamed bounds the refused items that a receipt names; the rest are counted.
const maxNamed = 1000

// build ends the request: new series are named to the store, differences are
// added up, and the rows become columns, one run per series in the order the
// series appear, times ascending. Of several rows of one series and time the last
// stays. Only trouble of the store itself, and too many samples, are errors.
func (b *builder) build(d *deltas) (*flow.Batch, error) {
	if b.full {
		return nil, errBatchLimit(b.limits.Samples)
	}
	adds := false
	for _, r := range b.rows {
		b.runs[r.run].rows++
		adds = adds || b.runs[r.run].delta
	}
	refused, err := b.intern()
	if err != nil {
		return nil, err
	}
	if refused || adds {
		b.leaveOut(d)
	}
	slices.SortStableFunc(b.receipt.Rejected, func(x, y flow.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	for i, r := range b.rows {
		if r.item != noItem && (i == 0 || b.rows[i-1].item != r.item) {
			b.receipt.Accepted++
		}
	}
	return b.columns(), nil
}

func errBatchLimit(most int) *vigil.Error {
	return vigil.Errorf(vigil.TooLarge, "batch_limit", "a request holds at most %d samples", most).
		Hinted("Split the request.")
}

// intern names the new series to the store, those of which a row was admitted:
// a refused sample takes no series' place. At the limit the rest is not asked.
func (b *builder) intern() (refused bool, _ error) {
	for i := range b.runs {
		r := &b.runs[i]
		if r.key == "" || r.rows == 0 {
			continue
		}
		if refused {
			r.code = "series_limit"
			continue
		}
		s, err := b.store.Intern([]byte(r.key))
		if code := vigil.CodeOf(err); code == "series_limit" {
			r.code, refused = code, true
		} else if err != nil {
			return false, fmt.Errorf("name %d new series: %w", len(b.fresh), err)
		}
		r.series = s
	}
	return refused, nil
}

// leaveOut removes the items of which a series was refused, or that cannot be
// added up, with all their rows.
func (b *builder) leaveOut(d *deltas) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := b.rows[:0]
	for i, end := 0, 0; i < len(b.rows); i = end {
		f := fault{field: "labels"}
		for end = i; end < len(b.rows) && b.rows[end].item == b.rows[i].item; end++ {
			f.code = cmp.Or(f.code, b.runs[b.rows[end].run].code)
		}
		item := b.rows[i:end]
		if f.code == "" {
			f = fault{"ts", d.code(b, item)}
		}
		if f.code == "" {
			d.add(b, item)
			kept = append(kept, item...)
			continue
		}
		if item[0].item != noItem {
			b.reject(item[0].item, f.field, f.code)
		}
		for _, r := range item {
			b.runs[r.run].rows--
		}
	}
	b.rows = kept
}

// columns sorts the rows by run, by counting, and lays each run down in order.
func (b *builder) columns() *flow.Batch {
	out := &flow.Batch{
		Times: make([]int64, len(b.rows)), Values: make([]float64, len(b.rows)),
		Runs: make([]flow.Run, 0, len(b.runs)),
	}
	first := uint32(0)
	for i := range b.runs { // rows becomes where the run's next row goes
		n := b.runs[i].rows
		b.runs[i].rows = first
		first += n
	}
	for _, r := range b.rows {
		at := &b.runs[r.run].rows
		out.Times[*at], out.Values[*at] = r.t, r.v
		*at++
	}
	from, to := uint32(0), uint32(0)
	for i := range b.runs {
		end := b.runs[i].rows
		n := inOrder(out.Times[from:end], out.Values[from:end])
		if from != to {
			copy(out.Times[to:], out.Times[from:from+n])
			copy(out.Values[to:], out.Values[from:from+n])
		}
		b.lay(out, b.runs[i].series, to, n)
		from, to = end, to+n
	}
	out.Times, out.Values = out.Times[:to], out.Values[:to]
	return out
}

// lay adds the run of a series, with what is older than the window as a run of
// its own before it.
func (b *builder) lay(out *flow.Batch, s flow.SeriesRow, first, count uint32) {
	late := uint32(0)
	for late < count && out.Times[first+late] < b.late {
		late++
	}
	if late > 0 {
		out.Runs = append(out.Runs, flow.Run{ID: s.ID, Meta: s.Meta, First: first, Count: late, Flags: abi.FlagLate, Home: s.Home})
	}
	if late < count {
		flags := uint32(0)
		if math.Float64bits(out.Values[first+count-1]) == staleNaN {
			flags = abi.FlagStale
		}
		out.Runs = append(out.Runs, flow.Run{ID: s.ID, Meta: s.Meta, First: first + late, Count: count - late, Flags: flags, Home: s.Home})
	}
}

// inOrder sorts a run by time, of equal times the last stays, and returns how
// many are left.
func inOrder(times []int64, values []float64) uint32 {
	sorted := true
	for i := 1; i < len(times) && sorted; i++ {
		sorted = times[i-1] < times[i]
	}
	if sorted {
		return uint32(len(times))
	}
	rows := make([]row, len(times))
	for i := range rows {
		rows[i] = row{t: times[i], v: values[i]}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.t, b.t) })
	n := 0
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].t == r.t {
			continue
		}
		times[n], values[n] = r.t, r.v
		n++
	}
	return uint32(n)
}
