package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A campaign writes numbered samples into the real store, which seals, merges,
// sweeps, trims and folds its log all the time, ends in the middle of it again
// and again, and looks each time for what was acknowledged. Everything about a
// sample follows from its number, so that wrong data is known when it is read.
type campaign struct {
	mu      sync.Mutex // guards all below
	next    int        // number of the next sample
	acked   []int      // ascending; those that retention may have taken are dropped
	ended   bool       // the disk is gone: what is acknowledged now never was
	crossed metrics.Stats
	folded  int64 // times the write-ahead log was folded
}

const (
	campaignSeries = 7
	campaignKept   = 1500 // samples that retention keeps, one a second
)

func campaignTime(seq int) time.Time { return time.Unix(1_700_000_000+int64(seq), 0) }

func (c *campaign) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return campaignTime(c.next)
}

// take reserves n numbers.
func (c *campaign) take(n int) (first int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next += n
	return c.next - n
}

func (c *campaign) ack(first, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for seq := first; seq < first+n && !c.ended; seq++ {
		c.acked = append(c.acked, seq)
	}
}

// end forgets acknowledgements from now on; begin takes them again.
func (c *campaign) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}

func (c *campaign) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = false
}

// note adds up what a store and its database did.
func (c *campaign) note(s metrics.Stats, folded int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crossed.Sealed += s.Sealed
	c.crossed.Cut += s.Cut
	c.crossed.Merged += s.Merged
	c.crossed.Swept += s.Swept
	c.crossed.Trimmed += s.Trimmed
	c.folded += folded
}

// small are the options of a store that does everything at every chance.
func (c *campaign) small() metrics.Options {
	return metrics.Options{
		ChunkSamples: 8, MaxLogBytes: 512, Retention: campaignKept * time.Second, Now: c.now,
	}
}

// live opens the store, pours samples into it until ctx ends, and stops it.
func (c *campaign) live(ctx context.Context, db *DB, rng *rand.Rand) error {
	s, err := metrics.Open(context.WithoutCancel(ctx), metrics.Disk{Journal: db, Archive: db, Past: db}, c.small())
	if err != nil {
		return err
	}
	defer func() { c.note(s.Stats(), db.Checkpoints()) }()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { _ = s.Run(running) })
	var pouring sync.WaitGroup
	for range 3 {
		mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
		pouring.Go(func() { c.pour(ctx, s, mine) })
	}
	pouring.Wait()
	return nil
}

// pour appends batches until ctx ends or the disk refuses; some of them twice.
func (c *campaign) pour(ctx context.Context, s *metrics.Store, rng *rand.Rand) {
	for ctx.Err() == nil {
		n := 1 + rng.IntN(12)
		first := c.take(n)
		for range 1 + rng.IntN(8)/7 {
			b, err := campaignBatch(s, first, n, c.now())
			if err == nil {
				err = s.Append(ctx, b)
			}
			if err != nil {
				return
			}
			c.ack(first, n)
		}
	}
}

func campaignBatch(s *metrics.Store, first, n int, now time.Time) (*flow.Batch, error) {
	b := &flow.Batch{Received: now}
	for k := range campaignSeries {
		run := flow.Run{First: uint32(len(b.Times))}
		for seq := first; seq < first+n; seq++ {
			if seq%campaignSeries == k {
				b.Times, b.Values = append(b.Times, campaignTime(seq).UnixNano()), append(b.Values, float64(seq))
				run.Count++
			}
		}
		if run.Count == 0 {
			continue
		}
		row, err := s.Intern(flow.AppendKey(nil, vigil.Series{Name: "s" + strconv.Itoa(k)}))
		if err != nil {
			return nil, err
		}
		run.ID, run.Meta = row.ID, row.Meta
		b.Runs = append(b.Runs, run)
	}
	return b, nil
}

// verdict is what was found after an end.
type verdict struct {
	kept, lost int
	wrong      []string // what was read and never written, or read twice
}

// judge looks for every acknowledged sample in the database at path, by the
// store's own query and by vigil sql's.
func (c *campaign) judge(ctx context.Context, path string) (v verdict, err error) {
	have, err := c.byStore(ctx, path, &v)
	if err != nil {
		return v, err
	}
	bySQL, err := c.bySQL(ctx, path, &v)
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := c.next - campaignKept
	c.acked = slices.DeleteFunc(c.acked, func(seq int) bool { return seq < oldest })
	for _, seq := range c.acked {
		if have[seq] && bySQL[seq] {
			v.kept++
		} else {
			v.lost++
		}
	}
	return v, nil
}

func (c *campaign) byStore(ctx context.Context, path string, v *verdict) (have map[int]bool, err error) {
	db, err := Open(ctx, path, Options{}) // as the next process would, which recovers it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	s, err := metrics.Open(ctx, metrics.Disk{Journal: db, Archive: db, Past: db}, c.small())
	if err != nil {
		return nil, err
	}
	found, err := s.Samples(ctx, flow.Choice{Match: func(vigil.Series) bool { return true }}, time.Unix(0, 0), time.Unix(1<<33, 0), 0)
	if err != nil {
		return nil, err
	}
	if n := s.Corrupt(); n > 0 {
		v.wrong = append(v.wrong, fmt.Sprintf("%d damaged rows or pages", n))
	}
	have = map[int]bool{}
	for _, h := range found {
		for i, at := range h.Times {
			c.see(v, have, h.Meta.Name, time.Unix(0, at), h.Values[i])
		}
	}
	return have, nil
}

func (c *campaign) bySQL(ctx context.Context, path string, v *verdict) (map[int]bool, error) {
	o := QueryOptions{DecodeLog: metrics.DecodeLog, DecodePage: metrics.DecodePage}
	_, rows, err := Query(ctx, path, `SELECT DISTINCT name, ts, value FROM metrics WHERE ts > '2001' AND ts < '2199-01-01'`, o)
	if err != nil {
		return nil, err
	}
	have := map[int]bool{}
	for _, r := range rows {
		at, err := time.Parse(time.RFC3339, r[1].(string))
		if err != nil {
			return nil, err
		}
		c.see(v, have, r[0].(string), at, r[2].(float64))
	}
	_, rows, err = Query(ctx, path, `SELECT count(*), count(DISTINCT id) FROM metrics`, o)
	if err != nil {
		return nil, err
	}
	if rows[0][0] != rows[0][1] {
		v.wrong = append(v.wrong, fmt.Sprintf("%v samples with %v numbers", rows[0]...))
	}
	_, rows, err = Query(ctx, path, `PRAGMA integrity_check`, o)
	if err == nil && rows[0][0] != "ok" {
		err = fmt.Errorf("integrity check: %v", rows[0][0])
	}
	return have, err
}

// see notes a sample that was read.
func (c *campaign) see(v *verdict, have map[int]bool, series string, at time.Time, value float64) {
	seq := int(value)
	switch {
	case value != math.Trunc(value) || !at.Equal(campaignTime(seq)) || series != "s"+strconv.Itoa(seq%campaignSeries):
		v.wrong = append(v.wrong, fmt.Sprintf("%s has %v at %s", series, value, at))
	case have[seq]:
		v.wrong = append(v.wrong, fmt.Sprintf("sample %d is there twice", seq))
	}
	have[seq] = true
}

func campaignPath(dir string) string { return filepath.Join(dir, "vigil.db") }

// wantCrossed checks that a campaign met everything that it is about.
func (c *campaign) wantCrossed(t *testing.T) {
	t.Helper()
	s := c.crossed
	t.Logf("crossed: %d seals, %d rows of the log deleted, %d merges, %d blocks swept, %d trimmed, %d checkpoints",
		s.Sealed, s.Cut, s.Merged, s.Swept, s.Trimmed, c.folded)
	if min(s.Sealed, s.Cut, s.Merged, s.Swept, s.Trimmed, c.folded) == 0 {
		t.Error("the campaign did not cross all of sealing, deleting of the log, merging, sweeping, retention and checkpoints")
	}
}
