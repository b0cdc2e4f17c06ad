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
	page   func(*logWalk) ([]numberedRow, error)
	decode func(flow.LogRow, func(series uint64, ts int64, v float64) bool) error
}

// seriesText is a series as the columns show it.
type seriesText struct{ name, labels string }

func newHistory(ctx context.Context, db *DB, o QueryOptions) history {
	return history{
		noted:  new(error),
		decode: o.DecodeLog,
		series: func() (map[uint64]seriesText, error) {
			all := map[uint64]seriesText{}
			err := db.EachSeries(ctx, func(s flow.SeriesRow) error {
				labels, err := encodeLabels(s.Meta.Labels)
				all[s.ID] = seriesText{s.Meta.Name, labels}
				return err
			})
			return all, err
		},
		page: func(l *logWalk) (rows []numberedRow, err error) {
			if l.last == 0 {
				found, err := db.logBetween(ctx, l.minTime, l.maxTime)
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

// samplesOf decodes a row of the log within a time range into buf.
func (h history) samplesOf(r numberedRow, minTime, maxTime int64, buf []sampleRow) ([]sampleRow, error) {
	n := r.first
	err := h.decode(r.LogRow, func(series uint64, ts int64, v float64) bool {
		n++
		if ts >= minTime && ts <= maxTime {
			buf = append(buf, sampleRow{id: n, series: series, ts: ts, value: v})
		}
		return n < math.MaxInt64
	})
	if err != nil {
		e := vigil.Errorf(vigil.Unavailable, "storage_corrupt", "row %d of the metric log is damaged", r.ID).
			Hinted("ask for a time range without it")
		e.Err = err
		return nil, e
	}
	return buf, nil
}

// sampleRow is one row of the table metrics.
type sampleRow struct {
	id     int64 // the sample's number since the beginning of the log
	series uint64
	ts     int64
	value  float64
}
