package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics/page"
)

// Journal keeps the log on disk. AppendLog returns after the group is durable,
// whole or not at all, and keeps nothing of its blob; EachLog calls back in the order of AppendLog with every
// row after one of them that has a sample in [minTime, maxTime], unix
// nanoseconds.
type Journal interface {
	AppendLog(ctx context.Context, g flow.LogGroup) error
	EachSeries(ctx context.Context, each func(flow.SeriesRow) error) error
	EachLog(ctx context.Context, after, minTime, maxTime int64, each func(flow.LogRow) error) error
	TrimLog(ctx context.Context, beforeTime int64) (deleted int, err error)
}

// Archive builds sealed history beside the journal. Every change of it is
// whole or not at all, and durable when it returns.
type Archive interface {
	MeasureLog(ctx context.Context, after, samples int64) (prefix, whole flow.LogSpan, err error)
	AddPages(ctx context.Context, b flow.Block, pages []flow.Page) error
	Settle(ctx context.Context, s flow.Settlement) error
	Sweep(ctx context.Context, blocks []int64, logUpTo int64) (rows int64, more bool, err error)
	ForgetSeries(ctx context.Context, ids []uint64) error
}

// Past reads sealed history. Pages come in the block's order.
type Past interface {
	Sealed(ctx context.Context) (flow.Sealed, error)
	Pages(ctx context.Context, block int64, within flow.PageRef) ([]flow.PageRef, error)
	Page(ctx context.Context, ref flow.PageRef) (flow.Page, error)
}

// Disk is where a Store keeps everything.
type Disk struct {
	Journal Journal
	Archive Archive
	Past    Past
}

// Options of a Store. Zero values mean the defaults named here.
type Options struct {
	Retention    time.Duration // how long samples are kept: 15 days
	MaxBytes     int64         // and how many bytes of blocks at most: 10 GiB
	MaxLogBytes  int64         // of the log, which is sealed when there are more: 64 MiB
	ChunkSamples int           // of one series side by side: 480
	MaxSeries    int           // 1,000,000
	MaxQuery     int           // samples in one answer: 5,000,000
	MaxWaiting   int           // bytes of samples waiting for the disk: 64 MiB
	Now          func() time.Time
	Log          *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Retention = cmp.Or(o.Retention, 15*24*time.Hour)
	o.MaxBytes = cmp.Or(o.MaxBytes, 10<<30)
	o.MaxLogBytes = cmp.Or(o.MaxLogBytes, 64<<20)
	o.ChunkSamples = min(cmp.Or(o.ChunkSamples, 480), page.MaxSamples)
	o.MaxSeries = cmp.Or(o.MaxSeries, 1_000_000)
	o.MaxQuery = cmp.Or(o.MaxQuery, 5_000_000)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, 64<<20)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// replayed is how far back Open reads the log into the head: enough for the
// first chart and the first evaluations, little enough to be ready at once.
const replayed = 15 * time.Minute

// loadAtOnce is how many series are handed on together at a start.
const loadAtOnce = 500

// Store is one tenant's metrics. Its methods may be called at the same time.
type Store struct {
	journal Journal
	archive Archive
	past    Past
	opts    Options
	log     *slog.Logger
	corrupt atomic.Int64
	did     counters

	index index
	queue queue
	idle  sync.Pool // of *waiting
	group group     // the committer's
	views *views

	logBytes atomic.Int64  // not sealed yet, about
	untidy   chan struct{} // a hint that the log is over its limit
	house    sync.Mutex    // held while history is sealed, merged, swept or trimmed
	sweptLog int64         // rows of the log up to it are gone; guarded by house
	sealedAt time.Time     // guarded by house
	forgot   time.Time     // the last round of forgetting; guarded by house

	committing sync.Mutex // held for a commit, and while series are forgotten

	mu     sync.RWMutex // guards recent and every series' head
	recent ring
}

// Open reads the series and the newest samples from the journal. Nothing is
// written until Run runs.
func Open(ctx context.Context, d Disk, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{journal: d.Journal, archive: d.Archive, past: d.Past, opts: o, untidy: make(chan struct{}, 1), log: o.Log.With("component", "metrics")}
	s.index = newIndex(o.MaxSeries)
	s.queue = newQueue(o.MaxWaiting)
	sealed, err := d.Past.Sealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the blocks: %w", err)
	}
	for _, damage := range sealed.Damaged {
		s.setAside(ctx, damage)
	}
	s.views = newViews(sealed)
	floor := o.Now().Add(-replayed).UnixNano()
	if err := s.loadSeries(ctx, floor); err != nil {
		return nil, fmt.Errorf("read the series: %w", err)
	}
	if err := s.replay(ctx, floor); err != nil {
		return nil, fmt.Errorf("replay the metric log: %w", err)
	}
	return s, nil
}

// loadSeries fills the index. A row that is not what was written is told and
// left out; its id may be wrong, too, so that ids are then given only beyond all
// that any sample has: a new series must not find the samples of a lost one.
func (s *Store) loadSeries(ctx context.Context, floor int64) error {
	lost := false
	read := make(chan []flow.SeriesRow, 4) // the index is built beside the reading
	var building sync.WaitGroup
	building.Go(func() {
		for rows := range read {
			for _, r := range rows {
				s.index.load(r, floor)
			}
		}
	})
	rows := make([]flow.SeriesRow, 0, loadAtOnce)
	err := s.journal.EachSeries(ctx, func(r flow.SeriesRow) error {
		if r.Damaged != nil {
			s.setAside(ctx, r.Damaged)
		}
		if r.Meta.Name == "" {
			lost = true
			s.index.reserve(r.ID)
			return nil
		}
		if rows = append(rows, r); len(rows) == cap(rows) {
			read <- rows
			rows = make([]flow.SeriesRow, 0, loadAtOnce)
		}
		return nil
	})
	read <- rows
	close(read)
	building.Wait()
	if err != nil || !lost {
		return err
	}
	v, done := s.views.pin()
	defer done()
	for _, b := range v.blocks {
		refs, err := s.pages(ctx, b, everywhere())
		if err != nil {
			return err
		}
		for _, ref := range refs {
			s.index.reserve(ref.MaxSeries)
		}
	}
	return s.eachLogged(ctx, v.logFrom, math.MinInt64, math.MaxInt64, func(p point) bool {
		s.index.reserve(p.series)
		return true
	})
}

// replay fills the heads. The ring of recent receipts is left empty: rows are
// found by the time of their samples, so it could not be filled completely.
func (s *Store) replay(ctx context.Context, floor int64) error {
	v, done := s.views.pin()
	defer done()
	err := s.eachSealed(ctx, v.blocks, s.index.all(), floor, math.MaxInt64, func(c page.Chunk) bool {
		if one := s.index.byID(c.Series); one != nil {
			for i, t := range c.Times {
				one.head.put(t, c.Values[i])
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return s.eachLogged(ctx, v.logFrom, floor, math.MaxInt64, func(p point) bool {
		if one := s.index.byID(p.series); one != nil {
			one.head.put(p.t, p.v)
		}
		return true
	})
}

// eachLogged reads the rows of the log after one of them that overlap
// [from, to] and yields all their points until yield returns false. A corrupt
// row is told and set aside, and the rows around it are read.
func (s *Store) eachLogged(ctx context.Context, after, from, to int64, yield func(point) bool) error {
	enough := errors.New("enough")
	err := s.journal.EachLog(ctx, after, from, to, func(row flow.LogRow) error {
		stopped := false
		err := decodeRow(row, func(p point) bool {
			stopped = !yield(p)
			return !stopped
		})
		if err != nil {
			s.setAside(ctx, err)
		}
		if stopped {
			return enough
		}
		return ctx.Err()
	})
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// Corrupt returns how often a log row was found torn or flipped and set aside.
func (s *Store) Corrupt() int64 { return s.corrupt.Load() }

// counters are Stats while they grow.
type counters struct{ sealed, cut, merged, swept, trimmed, forgotten atomic.Int64 }

// Stats is what a store has done to history since it was opened.
type Stats struct {
	Sealed  int64 // blocks made from the log
	Cut     int64 // rows of the log that were deleted, since a block has their samples
	Merged  int64 // blocks made from blocks
	Swept   int64 // blocks whose pages were deleted, after nobody read them any more
	Trimmed int64 // blocks and rows of the log that retention took
	Forgot  int64 // series without a sample within retention
}

// Stats counts what became of history.
func (s *Store) Stats() Stats {
	return Stats{
		Sealed: s.did.sealed.Load(), Cut: s.did.cut.Load(), Merged: s.did.merged.Load(), Swept: s.did.swept.Load(),
		Trimmed: s.did.trimmed.Load(), Forgot: s.did.forgotten.Load(),
	}
}

// Find returns a known series by its key (flow.AppendKey), of which nothing is
// kept. Its description is shared and immutable.
func (s *Store) Find(key []byte) (flow.SeriesRow, bool) { return s.index.find(key) }

// Intern returns the series with a key. A new one becomes durable with its
// first samples. At the limit of series known ones are still answered, new ones
// give code series_limit.
func (s *Store) Intern(key []byte) (flow.SeriesRow, error) { return s.index.intern(key) }

// Generation changes when series are forgotten or about to be. What Find and
// Intern answered in one generation must not be remembered in the next.
func (s *Store) Generation() uint64 { return s.index.generation.Load() }

// Series returns how many series are known.
func (s *Store) Series() int { return s.index.size() }

// Waiting returns how many batches wait for the committer.
func (s *Store) Waiting() int { return s.queue.size() }
