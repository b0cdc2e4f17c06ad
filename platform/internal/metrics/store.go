package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Journal keeps the log on disk. AppendLog returns after the group is durable,
// whole or not at all; EachLog calls back in the order of AppendLog with every
// row that has a sample in [minTime, maxTime], unix nanoseconds.
type Journal interface {
	AppendLog(ctx context.Context, g flow.LogGroup) error
	EachSeries(ctx context.Context, each func(flow.SeriesRow) error) error
	EachLog(ctx context.Context, minTime, maxTime int64, each func(flow.LogRow) error) error
	TrimLog(ctx context.Context, beforeTime, maxBytes int64) (deleted int, err error)
}

// Options of a Store. Zero values mean the defaults named here.
type Options struct {
	Retention   time.Duration // how long samples are kept: 15 days
	MaxLogBytes int64         // and how many bytes of log at most: 1 GiB
	MaxSeries   int           // 200,000
	MaxQuery    int           // samples in one answer: 5,000,000
	MaxWaiting  int           // bytes of samples waiting for the disk: 64 MiB
	Now         func() time.Time
	Log         *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Retention == 0 {
		o.Retention = 15 * 24 * time.Hour
	}
	if o.MaxLogBytes == 0 {
		o.MaxLogBytes = 1 << 30
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = 200_000
	}
	if o.MaxQuery == 0 {
		o.MaxQuery = 5_000_000
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = 64 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// replayed is how far back Open reads the log into the head: enough for the
// first chart and the first evaluations, little enough to be ready at once.
const replayed = 15 * time.Minute

// Store is one tenant's metrics. Its methods may be called at the same time.
type Store struct {
	journal Journal
	opts    Options
	log     *slog.Logger
	corrupt atomic.Int64

	index index
	queue queue

	mu     sync.RWMutex // guards recent and every series' head
	recent ring
}

// Open reads the series and the newest samples from the journal. Nothing is
// written until Run runs.
func Open(ctx context.Context, j Journal, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{journal: j, opts: o, log: o.Log.With("component", "metrics")}
	s.index = newIndex(o.MaxSeries)
	s.queue = newQueue(o.MaxWaiting)
	floor := o.Now().Add(-replayed).UnixNano()
	err := j.EachSeries(ctx, func(r flow.SeriesRow) error {
		s.index.load(r, floor)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the series: %w", err)
	}
	if err := s.replay(ctx, floor); err != nil {
		return nil, fmt.Errorf("replay the metric log: %w", err)
	}
	return s, nil
}

// replay fills the heads. The ring of recent receipts is left empty: rows are
// found by the time of their samples, so it could not be filled completely.
func (s *Store) replay(ctx context.Context, floor int64) error {
	return s.eachPoint(ctx, floor, math.MaxInt64, func(p point) bool {
		if one := s.index.byID(p.series); one != nil {
			one.head.put(p.t, p.v)
		}
		return true
	})
}

// eachPoint reads the log rows that overlap [from, to] and yields all their
// points. A corrupt row is told and set aside: it stays where it is until
// retention removes it, and the rows around it are read.
func (s *Store) eachPoint(ctx context.Context, from, to int64, yield func(point) bool) error {
	return s.journal.EachLog(ctx, from, to, func(row flow.LogRow) error {
		stopped := false
		err := decodeRow(row, func(p point) bool {
			stopped = !yield(p)
			return !stopped
		})
		if err != nil {
			s.corrupt.Add(1)
			s.log.ErrorContext(ctx, "metric log row set aside", "err", err)
		}
		if stopped {
			return errTooMany()
		}
		return ctx.Err()
	})
}

// Corrupt returns how often a log row was found torn or flipped and set aside.
func (s *Store) Corrupt() int64 { return s.corrupt.Load() }

// Intern returns the id of a series and its shared, immutable description. A
// new series becomes durable with its first samples. At the limit of series
// known ones are still answered, new ones give code series_limit.
func (s *Store) Intern(name string, labels vigil.Labels) (uint64, vigil.Series, error) {
	return s.index.intern(name, labels)
}

// Series returns how many series are known.
func (s *Store) Series() int { return s.index.size() }

// Waiting returns how many batches wait for the committer.
func (s *Store) Waiting() int { return s.queue.size() }
