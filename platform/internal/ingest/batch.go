package ingest

import (
	"cmp"
	"slices"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// row is an admitted sample of a known series.
type row struct {
	id    uint64
	meta  vigil.Series
	t     int64 // unix nanoseconds
	v     float64
	first int // rank of the series by its first row in the request
}

// buildBatch lays rows out in columns, one run per series in the order the
// series appear, times ascending. Of several rows of one series and time the
// last stays.
func buildBatch(rows []row) *flow.Batch {
	rank := map[uint64]int{}
	for i := range rows {
		n, ok := rank[rows[i].id]
		if !ok {
			n = len(rank)
			rank[rows[i].id] = n
		}
		rows[i].first = n
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.t, b.t))
	})
	b := &flow.Batch{
		Runs:   make([]flow.Run, 0, len(rank)),
		Times:  make([]int64, 0, len(rows)),
		Values: make([]float64, 0, len(rows)),
	}
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].id == r.id && rows[i+1].t == r.t {
			continue
		}
		if n := len(b.Runs); n == 0 || b.Runs[n-1].ID != r.id {
			b.Runs = append(b.Runs, flow.Run{ID: r.id, Meta: r.meta, First: uint32(len(b.Times))})
		}
		b.Runs[len(b.Runs)-1].Count++
		b.Times = append(b.Times, r.t)
		b.Values = append(b.Values, r.v)
	}
	return b
}
