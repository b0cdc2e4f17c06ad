package sqlite

import (
	"context"
	"math"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// history reads the metric log for the table metrics. Its functions carry the
// query's context, because SQLite calls a virtual table without one. They read
// on connections other than the query's, which must not be entered again.
type history struct {
	noted  *error // the first error: SQLite hands on only its text
	series func() (map[uint64]seriesText, error)
	sealed func(minTime, maxTime int64) (pages []numberedPage, logFrom int64, err error)
	page   func(*logWalk) ([]numberedRow, error)
	load   func(flow.PageRef) (flow.Page, error)
	decode func(flow.LogRow, func(series uint64, ts int64, v float64) bool) error
	unpack func(page flow.Page, yield func(series uint64, ts int64, v float64) bool) error
}

// numberedPage is a page with the number of the samples before it. Blocks hold
// fewer samples than the log did, because duplicates are gone, so no number is
// given twice.
type numberedPage struct {
	flow.PageRef
	first int64
}

// seriesText is a series as the columns show it.
type seriesText struct{ name, labels string }

func newHistory(ctx context.Context, db *DB, o QueryOptions) history {
	return history{
		noted:  new(error),
		decode: o.DecodeLog,
		unpack: o.DecodePage,
		load:   func(ref flow.PageRef) (flow.Page, error) { return db.Page(ctx, ref) },
		sealed: func(minTime, maxTime int64) ([]numberedPage, int64, error) {
			return db.sealedBetween(ctx, minTime, maxTime)
		},
		series: func() (map[uint64]seriesText, error) {
			all := map[uint64]seriesText{}
			err := db.EachSeries(ctx, func(s flow.SeriesRow) error {
				if s.Damaged != nil && s.Meta.Name == "" {
					return damaged(s.Damaged, "series %d", int64(s.ID))
				}
				labels, err := encodeLabels(s.Meta.Labels)
				all[s.ID] = seriesText{s.Meta.Name, labels}
				return err
			})
			return all, err
		},
		page: func(l *logWalk) (rows []numberedRow, err error) {
			if l.last == 0 {
				if err := db.provedLog(ctx, l); err != nil {
					return nil, err
				}
				found, err := db.logBetween(ctx, l.after, l.minTime, l.maxTime)
				if err != nil || !found.more {
					l.more = false
					return nil, err
				}
				*l = *found
			}
			err = l.page(ctx, db, func(r numberedRow) error {
				rows = append(rows, r)
				return nil
			})
			return rows, err
		},
	}
}

// note keeps err for who ran the query.
func (h history) note(err error) error {
	if *h.noted == nil {
		*h.noted = err
	}
	return err
}

// sealedBetween returns the pages of live blocks that overlap a time range, and
// the row of the log after which nothing is in blocks.
func (db *DB) sealedBetween(ctx context.Context, minTime, maxTime int64) (out []numberedPage, logFrom int64, err error) {
	sealed, err := db.Sealed(ctx)
	if err == nil && len(sealed.Damaged) > 0 {
		err = damaged(sealed.Damaged[0], "the list of %d blocks", int64(len(sealed.Blocks)+1))
	}
	if err != nil {
		return nil, 0, err
	}
	for _, b := range sealed.Blocks {
		if !b.Live || b.MinTime > maxTime || b.MaxTime < minTime {
			continue
		}
		refs, err := db.Pages(ctx, b.ID, flow.PageRef{MaxSeries: math.MaxUint64, MinTime: math.MinInt64, MaxTime: math.MaxInt64})
		if err != nil {
			return nil, 0, err
		}
		if !b.Lists(refs) {
			return nil, 0, damaged(nil, "the index of block %d", b.ID)
		}
		first := b.First
		for _, r := range refs {
			if r.MinTime <= maxTime && r.MaxTime >= minTime {
				out = append(out, numberedPage{r, first})
			}
			first += int64(r.Samples)
		}
	}
	return out, sealed.LogUpTo, nil
}

// samplesOf decodes a row of the log within a time range into buf.
func (h history) samplesOf(r numberedRow, minTime, maxTime int64, buf []sampleRow) ([]sampleRow, error) {
	rows, yield := collecting(r.first, minTime, maxTime, buf)
	if err := h.decode(r.LogRow, yield); err != nil {
		return nil, damaged(err, "row %d of the metric log", r.ID)
	}
	return *rows, nil
}

// samplesIn decodes a page within a time range into buf.
func (h history) samplesIn(p numberedPage, minTime, maxTime int64, buf []sampleRow) ([]sampleRow, error) {
	page, err := h.load(p.PageRef)
	if err != nil {
		return nil, err
	}
	rows, yield := collecting(p.first, minTime, maxTime, buf)
	if err := h.unpack(page, yield); err != nil {
		return nil, damaged(err, "page %d of history", p.ID)
	}
	return *rows, nil
}

// collecting returns a function that numbers samples and keeps those within a
// time range.
func collecting(n, minTime, maxTime int64, buf []sampleRow) (*[]sampleRow, func(series uint64, ts int64, v float64) bool) {
	return &buf, func(series uint64, ts int64, v float64) bool {
		n++
		if ts >= minTime && ts <= maxTime {
			buf = append(buf, sampleRow{id: n, series: series, ts: ts, value: v})
		}
		return n < math.MaxInt64
	}
}

func damaged(err error, format string, id int64) error {
	e := vigil.Errorf(vigil.Unavailable, "storage_corrupt", format+" is damaged", id).
		Hinted("ask for a time range without it")
	e.Err = err
	return e
}

// sampleRow is one row of the table metrics.
type sampleRow struct {
	id     int64 // the sample's number since the beginning of the log
	series uint64
	ts     int64
	value  float64
}
