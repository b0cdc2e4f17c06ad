package sqlite

import (
	"math"
	"slices"
	"time"

	"modernc.org/sqlite/vtab"
)

// metricsModule makes the virtual table metrics.
type metricsModule struct{ read history }

// Create makes the table.
func (m *metricsModule) Create(ctx vtab.Context, args []string) (vtab.Table, error) {
	return m.Connect(ctx, args)
}

// Connect makes the table.
func (m *metricsModule) Connect(ctx vtab.Context, _ []string) (vtab.Table, error) {
	err := ctx.Declare(`CREATE TABLE metrics (id INTEGER, name TEXT, value REAL, ts TEXT, labels TEXT)`)
	return &metricsTable{read: m.read}, err
}

// The columns, in the order of the declaration.
const (
	colID = iota
	colName
	colValue
	colTS
	colLabels
)

type metricsTable struct{ read history }

// BestIndex asks for the bounds on ts, to read fewer rows of the log. SQLite
// checks them again, so a bound may be loose but never tight.
func (*metricsTable) BestIndex(info *vtab.IndexInfo) error {
	info.EstimatedCost, info.EstimatedRows = 1e9, 1e7
	plan := []byte{}
	for i := range info.Constraints {
		c := &info.Constraints[i]
		if c.Column != colTS || !c.Usable {
			continue
		}
		switch c.Op { // other operators bound nothing
		case vtab.OpGT, vtab.OpGE:
			plan = append(plan, '>')
		case vtab.OpLT, vtab.OpLE:
			plan = append(plan, '<')
		case vtab.OpEQ:
			plan = append(plan, '=')
		default:
			continue
		}
		c.ArgIndex = len(plan) - 1
		info.EstimatedCost /= 10
	}
	info.IdxStr = string(plan)
	return nil
}

// Open makes a cursor.
func (t *metricsTable) Open() (vtab.Cursor, error) { return &metricsCursor{read: t.read}, nil }

// Disconnect has nothing to let go of.
func (*metricsTable) Disconnect() error { return nil }

// Destroy has nothing to remove.
func (*metricsTable) Destroy() error { return nil }

// metricsCursor walks the pages and then the log, one decoded page or row in
// memory at a time.
type metricsCursor struct {
	read   history
	series map[uint64]seriesText
	sealed []numberedPage // pages not yet decoded
	walk   logWalk
	page   []numberedRow // rows of the log not yet decoded
	rows   []sampleRow   // of the row of the log at hand; rows[0] is the current one
	buf    []sampleRow
}

// Filter starts a walk within the bounds that BestIndex asked for.
func (c *metricsCursor) Filter(_ int, plan string, vals []vtab.Value) (err error) {
	c.walk = logWalk{minTime: math.MinInt64, maxTime: math.MaxInt64, more: true}
	c.sealed, c.page, c.rows = nil, nil, nil
	for i, v := range vals {
		from, to := bounds(v)
		if plan[i] != '<' {
			c.walk.minTime = max(c.walk.minTime, from)
		}
		if plan[i] != '>' {
			c.walk.maxTime = min(c.walk.maxTime, to)
		}
	}
	if c.series == nil {
		if c.series, err = c.read.series(); err != nil {
			return c.read.note(err)
		}
	}
	if c.sealed, c.walk.after, err = c.read.sealed(c.walk.minTime, c.walk.maxTime); err != nil {
		return c.read.note(err)
	}
	return c.fill()
}

// fill makes rows[0] the current sample, or leaves rows empty at the end.
func (c *metricsCursor) fill() (err error) {
	for more := true; more && len(c.rows) == 0; {
		if more, err = c.step(); err != nil {
			return c.read.note(err)
		}
		c.rows = c.buf
	}
	return nil
}

// step decodes the next page, or the next row of the log, into buf.
func (c *metricsCursor) step() (more bool, err error) {
	c.buf = c.buf[:0]
	switch {
	case len(c.sealed) > 0:
		c.buf, err = c.read.samplesIn(c.sealed[0], c.walk.minTime, c.walk.maxTime, c.buf)
		c.sealed = c.sealed[1:]
	case len(c.page) > 0:
		c.buf, err = c.read.samplesOf(c.page[0], c.walk.minTime, c.walk.maxTime, c.buf)
		c.page = c.page[1:]
	case c.walk.more:
		c.page, err = c.read.page(&c.walk)
	default:
		return false, nil
	}
	c.buf = slices.DeleteFunc(c.buf, c.forgotten)
	return true, err
}

// forgotten reports whether a sample belongs to no series any more: it is past
// retention, and its block is not.
func (c *metricsCursor) forgotten(r sampleRow) bool {
	_, known := c.series[r.series]
	return !known
}

// Next moves to the next sample.
func (c *metricsCursor) Next() error {
	c.rows = c.rows[1:]
	return c.fill()
}

// Eof reports whether the walk is over.
func (c *metricsCursor) Eof() bool { return len(c.rows) == 0 }

// Column returns one value of the current sample.
func (c *metricsCursor) Column(col int) (vtab.Value, error) {
	r := c.rows[0]
	switch col {
	case colID:
		return r.id, nil
	case colName:
		return c.series[r.series].name, nil
	case colValue:
		return r.value, nil
	case colTS:
		return sqlTime(time.Unix(0, r.ts)), nil
	case colLabels:
		return c.series[r.series].labels, nil
	default:
		return nil, nil
	}
}

// Rowid is the sample's number.
func (c *metricsCursor) Rowid() (int64, error) { return c.rows[0].id, nil }

// Close lets go of the rows.
func (c *metricsCursor) Close() error {
	c.sealed, c.page, c.rows, c.buf = nil, nil, nil, nil
	return nil
}

// bounds returns the earliest and the latest time a row may have whose ts
// compares to v as text. It reads as much of v as looks like our own format
// and widens the rest: '2026-01-02 10:00' sorts before every ts of that day.
func bounds(v vtab.Value) (from, to int64) {
	text, _ := v.(string)
	for _, f := range []struct {
		layout string
		unit   time.Duration
	}{
		{"2006-01-02T15:04:05", time.Second},
		{"2006-01-02T15:04", time.Minute},
		{"2006-01-02", 24 * time.Hour},
	} {
		if len(text) < len(f.layout) {
			continue
		}
		t, err := time.Parse(f.layout, text[:len(f.layout)])
		if err != nil || t.Year() < 1700 || t.Year() > 2200 {
			continue
		}
		return t.Add(-time.Second).UnixNano(), t.Add(f.unit + time.Second).UnixNano()
	}
	return math.MinInt64, math.MaxInt64
}
