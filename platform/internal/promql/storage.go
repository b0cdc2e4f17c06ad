package promql

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// History is the stored samples of one tenant. Samples answers in order of
// series id, times ascending; Known names the
// series that were heard of within a range of time.
type History interface {
	Samples(ctx context.Context, which flow.Choice, from, to time.Time, limit int) ([]flow.History, error)
	Known(ctx context.Context, which flow.Choice, from, to time.Time) ([]vigil.Series, error)
}

// Queryable shows History to the engine.
type Queryable struct {
	History History
	Samples int // that the selectors of one query may read together; 0 means any number

	seen *evidence // takes in what is read of the present; may be nil
}

// Querier implements storage.Queryable; times are unix milliseconds.
func (q Queryable) Querier(mint, maxt int64) (storage.Querier, error) {
	return &querier{history: q.History, limit: q.Samples, mint: mint, maxt: maxt, seen: q.seen}, nil
}

// querier reads for one query. The engine asks it for all selectors before it
// evaluates, and counts none of that: thousands of them fit into one query.
type querier struct {
	history     History
	limit, read int // samples
	mint, maxt  int64
	seen        *evidence
}

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if err := q.refusal(ctx); err != nil { // the engine goes on asking after an error
		return storage.ErrSeriesSet(err)
	}
	from, to := q.mint, q.maxt
	if hints != nil {
		from, to = max(from, hints.Start), min(to, hints.End)
	}
	// An engine's millisecond holds every nanosecond up to the next.
	until, present := time.UnixMilli(to).Add(time.Millisecond-1), q.seen != nil && to == q.seen.at
	if present {
		until = until.Add(ahead)
	}
	found, err := q.history.Samples(ctx, choice(matchers), time.UnixMilli(from), until, q.left())
	if err != nil {
		return storage.ErrSeriesSet(err)
	}
	if present {
		found = q.seen.add(found, to)
	}
	for _, h := range found {
		q.read += len(h.Times)
	}
	if err := q.refusal(ctx); err != nil {
		return storage.ErrSeriesSet(err)
	}
	set := &seriesSet{at: -1}
	for _, h := range found {
		set.series = append(set.series, newSeries(h))
	}
	if sorted {
		slices.SortFunc(set.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	return set
}

// refusal says why nothing more is read, nil if it may be.
func (q *querier) refusal(ctx context.Context) error {
	if q.limit > 0 && q.read > q.limit {
		return vigil.Errorf(vigil.Invalid, "query_too_expensive", "the selectors of the query read more than %d samples", q.limit)
	}
	return ctx.Err()
}

// left is how many samples may be read still, 0 for any number. One more than
// that is what refusal refuses.
func (q *querier) left() int {
	if q.limit == 0 {
		return 0
	}
	return q.limit - q.read + 1
}

// LabelValues implements storage.Querier.
func (q *querier) LabelValues(ctx context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	known, err := q.known(ctx, matchers)
	seen := map[string]bool{}
	for _, s := range known {
		if v := s.Get(name); v != "" {
			seen[v] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil, err
}

// LabelNames implements storage.Querier.
func (q *querier) LabelNames(ctx context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	known, err := q.known(ctx, matchers)
	seen := map[string]bool{}
	for _, s := range known {
		seen[model.MetricNameLabel] = true
		for k := range s.Labels {
			seen[k] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil, err
}

func (q *querier) known(ctx context.Context, matchers []*labels.Matcher) ([]vigil.Series, error) {
	return q.history.Known(ctx, choice(matchers), time.UnixMilli(q.mint), time.UnixMilli(q.maxt).Add(time.Millisecond-1))
}

// Close implements storage.Querier.
func (q *querier) Close() error { return nil }

type seriesSet struct {
	series []*series
	at     int
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool { s.at++; return s.at < len(s.series) }

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.series[s.at] }

// Err implements storage.SeriesSet.
func (s *seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// series is one series in the engine's terms: times in milliseconds.
type series struct {
	labels labels.Labels
	times  []int64
	values []float64
}

// newSeries takes over the columns of h.
func newSeries(h flow.History) *series {
	s := &series{labels: labelsOf(h.Meta), times: h.Times[:0], values: h.Values[:0]}
	for i, ns := range h.Times {
		ms := floorMilli(ns)
		if n := len(s.times); n > 0 && s.times[n-1] == ms {
			s.values[n-1] = h.Values[i] // the last of a millisecond stands for it
			continue
		}
		s.times, s.values = append(s.times, ms), append(s.values, h.Values[i])
	}
	return s
}

func floorMilli(ns int64) int64 {
	ms := ns / 1e6
	if ns%1e6 < 0 {
		ms--
	}
	return ms
}

func labelsOf(s vigil.Series) labels.Labels {
	b := labels.NewScratchBuilder(len(s.Labels) + 1)
	b.Add(model.MetricNameLabel, s.Name)
	for k, v := range s.Labels {
		b.Add(k, v)
	}
	b.Sort()
	return b.Labels()
}

// Labels implements storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(&cursor{series: s})
}

// cursor is the samples of a series, and the one of them that was last asked
// for: an iterator looks at one at a time, so none is allocated. There are no
// histograms here: what is sent as one is kept as classic series.
type cursor struct {
	*series
	at int
}

// Get implements storage.Samples.
func (c *cursor) Get(i int) chunks.Sample { c.at = i; return c }

// Len implements storage.Samples.
func (c *cursor) Len() int { return len(c.times) }

// T implements chunks.Sample.
func (c *cursor) T() int64 { return c.times[c.at] }

// ST implements chunks.Sample: start times are not kept.
func (c *cursor) ST() int64 { return 0 }

// F implements chunks.Sample.
func (c *cursor) F() float64 { return c.values[c.at] }

// H implements chunks.Sample.
func (c *cursor) H() *histogram.Histogram { return nil }

// FH implements chunks.Sample.
func (c *cursor) FH() *histogram.FloatHistogram { return nil }

// Type implements chunks.Sample.
func (c *cursor) Type() chunkenc.ValueType { return chunkenc.ValFloat }

// Copy implements chunks.Sample.
func (c *cursor) Copy() chunks.Sample { again := *c; return &again }
