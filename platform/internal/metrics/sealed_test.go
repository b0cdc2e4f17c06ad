package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
)

// soon are the options of a store that seals at every chance.
func soon() metrics.Options {
	return metrics.Options{ChunkSamples: 8, MaxLogBytes: 256, Now: func() time.Time { return start }}
}

func tidy(t testing.TB, s *metrics.Store) {
	t.Helper()
	if err := s.Tidy(t.Context(), start); err != nil {
		t.Fatalf("Tidy: %v", err)
	}
}

// round is what fill appends at its ith step: samples of ten series.
func round(i int) (some []in) {
	at := time.Duration(i-3600) * 10 * time.Second
	for k := range 10 {
		some = append(some, in{fmt.Sprintf("s%d", k), at, float64(i*10 + k)})
	}
	return some
}

// fill appends n rounds, ten seconds apart, ten in a batch, and tidies after
// each batch.
func fill(t testing.TB, s *metrics.Store, from, n int) {
	t.Helper()
	for i := from; i < from+n; i += 10 {
		appendAll(t, s, tenRounds(t, s, i))
		tidy(t, s)
	}
}

func tenRounds(t testing.TB, s *metrics.Store, from int) *flow.Batch {
	t.Helper()
	var all []in
	for i := range 10 {
		all = append(all, round(from+i)...)
	}
	return batch(t, s, all[0].at, all...)
}

// wantFilled checks that all of what fill appended is there, once.
func wantFilled(t testing.TB, j *journal, s *metrics.Store, n int) {
	t.Helper()
	got := samples(t, s, -100*time.Hour, time.Hour)
	if len(got) != 10 {
		t.Fatalf("%d series, want 10", len(got))
	}
	for k := range 10 {
		rows := got[fmt.Sprintf("s%d", k)]
		if len(rows) != n {
			t.Errorf("series %d has %d samples, want %d", k, len(rows), n)
		}
		for at, v := range rows {
			if want := float64((int(at/(10*time.Second))+3600)*10 + k); v != want {
				t.Fatalf("series %d at %s = %v, want %v", k, at, v, want)
			}
		}
	}
	if c := j.count(t, "SELECT count(*) * 1000000 + count(DISTINCT id) FROM metrics"); c != int64(10*n)*1_000_001 {
		t.Errorf("vigil sql counts %d samples and %d numbers, want %d", c/1_000_000, c%1_000_000, 10*n)
	}
}

func TestTidy_MovesTheLogIntoBlocksAndMergesThem(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, soon())
	fill(t, s, 0, 200)
	wantFilled(t, j, s, 200)
	if n := j.count(t, "SELECT count(*) FROM log"); n > 20 {
		t.Errorf("%d rows are left in the log", n)
	}
	if n := j.count(t, "SELECT max(level) FROM blocks WHERE live"); n < 1 {
		t.Errorf("highest level = %d, want merged blocks", n)
	}
	stop()
	j.reopen(t)
	again, _ := open(t, j, soon())
	wantFilled(t, j, again, 200)
	fill(t, again, 200, 20)
	wantFilled(t, j, again, 220)
}

func TestTidy_LeavesAYoungShortLogAlone(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, _ := open(t, j, metrics.Options{})
	appendAll(t, s, batch(t, s, 0, in{"a", 0, 1}))
	tidy(t, s)
	if n := j.count(t, "SELECT count(*) FROM blocks"); n != 0 {
		t.Errorf("%d blocks, want none", n)
	}
	if err := s.Tidy(t.Context(), start.Add(3*time.Hour)); err != nil { // it has rested for long
		t.Fatal(err)
	}
	if n := j.count(t, "SELECT count(*) FROM blocks WHERE live"); n != 1 {
		t.Errorf("%d blocks after three hours, want one", n)
	}
}

// What a reader began to read stays until it is done, whatever is sealed and
// merged meanwhile.
func TestTidy_DeletesNothingThatSomebodyReads(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	slow := &slowPast{journal: j, paused: make(chan struct{}), resume: make(chan struct{})}
	disk := j.disk()
	disk.Past = slow
	s, _ := openDisk(t, disk, soon())
	fill(t, s, 0, 150) // more than the heads hold

	got := make(chan []flow.History, 1)
	go func() {
		rows, err := s.Samples(context.WithValue(t.Context(), slowly{}, true), flow.Choice{Match: all}, start.Add(-100*time.Hour), start, 0)
		if err != nil {
			t.Error(err)
		}
		got <- rows
	}()
	<-slow.paused // the reader has its list of pages, and reads the first
	fill(t, s, 150, 100)
	if n := j.count(t, "SELECT count(*) FROM blocks WHERE NOT live"); n < 7 {
		t.Errorf("%d dead blocks are kept for the reader, want those it began with", n)
	}
	close(slow.resume)
	for _, h := range <-got {
		if len(h.Times) < 150 {
			t.Errorf("the reader got %d samples of %s, want the 150 that were there when it began", len(h.Times), h.Meta)
		}
	}
	tidy(t, s)
	if n := j.count(t, "SELECT count(*) FROM blocks WHERE NOT live"); n != 0 {
		t.Errorf("%d dead blocks are left when the reader is done", n)
	}
}

// slowPast waits before a slow reader's first page.
type slowPast struct {
	*journal
	once           sync.Once
	paused, resume chan struct{}
}

// slowly marks the context of a slow reader.
type slowly struct{}

func (p *slowPast) Page(ctx context.Context, ref flow.PageRef) (flow.Page, error) {
	if ctx.Value(slowly{}) != nil {
		p.once.Do(func() {
			close(p.paused)
			<-p.resume
		})
	}
	return p.DB.Page(ctx, ref)
}

// Whatever order samples come in, and whenever the store tidies, stops and
// starts, every reader gets the last value of each series and time.
func TestStore_IsAMapOfSeriesAndTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		j := newJournal(t, nil)
		s, stop := open(t, j, soon())
		defer func() { stop() }()
		model := map[string]map[time.Duration]float64{}
		v := 0.0
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				some := map[string]in{} // of two rows of a batch with one time ingest keeps the last
				for range rapid.IntRange(1, 20).Draw(rt, "samples") {
					v++
					one := in{
						rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "name"),
						-time.Duration(rapid.IntRange(0, 3000).Draw(rt, "age")) * time.Second, v,
					}
					some[one.name+one.at.String()] = one
					if model[one.name] == nil {
						model[one.name] = map[time.Duration]float64{}
					}
					model[one.name][one.at] = v
				}
				appendAll(t, s, batch(t, s, 0, slices.Collect(maps.Values(some))...))
			},
			"tidy": func(*rapid.T) { tidy(t, s) },
			"restart": func(*rapid.T) {
				stop()
				j.reopen(t)
				s, stop = open(t, j, soon())
			},
			"": func(rt *rapid.T) {
				from := -time.Duration(rapid.IntRange(0, 3000).Draw(rt, "from")) * time.Second
				to := from + time.Duration(rapid.IntRange(0, 3000).Draw(rt, "length"))*time.Second
				want := map[string]map[time.Duration]float64{}
				for name, rows := range model {
					for at, v := range rows {
						if from <= at && at <= to {
							if want[name] == nil {
								want[name] = map[time.Duration]float64{}
							}
							want[name][at] = v
						}
					}
				}
				if diff := cmp.Diff(want, samples(t, s, from, to)); diff != "" {
					rt.Fatalf("samples (-want +got):\n%s", diff)
				}
			},
		})
	})
}

// failing refuses the nth change of sealed history, as a disk or a crash would,
// and every one after it.
type failing struct {
	*journal
	left atomic.Int64 // the store tidies by itself, too
}

var errCrash = errors.New("crash")

func (f *failing) may() error {
	if f.left.Add(-1) < 0 {
		return errCrash
	}
	return nil
}

func (f *failing) AddPages(ctx context.Context, b flow.Block, pages []flow.Page) error {
	if err := f.may(); err != nil {
		return err
	}
	return f.DB.AddPages(ctx, b, pages)
}

func (f *failing) Settle(ctx context.Context, s flow.Settlement) error {
	if err := f.may(); err != nil {
		return err
	}
	return f.DB.Settle(ctx, s)
}

func (f *failing) Sweep(ctx context.Context, blocks []int64, upTo int64) (int64, bool, error) {
	if err := f.may(); err != nil {
		return 0, false, err
	}
	return f.DB.Sweep(ctx, blocks, upTo)
}

// A stop at any step of sealing and merging loses nothing and doubles nothing,
// before and after the next start.
func TestTidy_AStopAtAnyStepLosesNothing(t *testing.T) {
	t.Parallel()
	for step := range 45 {
		j := newJournal(t, nil)
		disk := j.disk()
		f := &failing{journal: j}
		f.left.Store(int64(step))
		disk.Archive = f
		s, stop := openDisk(t, disk, soon())
		for i := 0; i < 100; i += 10 {
			appendAll(t, s, tenRounds(t, s, i))
			if err := s.Tidy(t.Context(), start); err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			if f.left.Load() < 0 {
				wantFilled(t, j, s, i+10)
				stop()
				j.reopen(t)
				s, stop = open(t, j, soon())
				wantFilled(t, j, s, i+10)
				f.left.Store(1 << 30)
			}
		}
		tidy(t, s)
		wantFilled(t, j, s, 100)
		if n := j.count(t, "SELECT count(*) FROM blocks WHERE NOT live"); n != 0 {
			t.Errorf("step %d: %d dead blocks were not swept", step, n)
		}
		if n := j.count(t, "SELECT count(*) FROM pages WHERE block NOT IN (SELECT id FROM blocks)"); n != 0 {
			t.Errorf("step %d: %d pages belong to no block", step, n)
		}
		stop()
		j.shut(t)
	}
}

// busyPast cannot read a page the first time, as when the disk is late.
type busyPast struct {
	metrics.Past
	was atomic.Bool
}

var errBusy = errors.New("busy")

func (p *busyPast) Page(ctx context.Context, ref flow.PageRef) (flow.Page, error) {
	if p.was.CompareAndSwap(false, true) {
		return flow.Page{}, errBusy
	}
	return p.Past.Page(ctx, ref)
}

// A page that could not be read once is no damaged one: its block is merged the
// next time.
func TestTidy_MergesABlockThatCouldNotBeReadBefore(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	disk := j.disk()
	past := &busyPast{Past: disk.Past}
	disk.Past = past
	s, _ := openDisk(t, disk, soon())
	for i := 0; i < 200; i += 10 {
		appendAll(t, s, tenRounds(t, s, i))
		if err := s.Tidy(t.Context(), start); err != nil && !errors.Is(err, errBusy) {
			t.Fatal(err)
		}
	}
	n := j.count(t, "SELECT count(*) FROM blocks WHERE live AND level = 0 AND first < (SELECT max(first) FROM blocks WHERE live AND level > 0)")
	if n != 0 || !past.was.Load() {
		t.Errorf("%d old blocks were never merged; a page could not be read: %v", n, past.was.Load())
	}
}

func TestSamples_TellsADamagedPageAndReadsTheRest(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, soon())
	fill(t, s, 0, 40)
	stop()
	before := j.count(t, "SELECT count(*) FROM metrics")
	j.tamper(t, "UPDATE pages SET data = CAST(data || x'00' AS BLOB) WHERE id = (SELECT min(id) FROM pages)")
	lost := j.count(t, "SELECT samples FROM pages WHERE id = (SELECT min(id) FROM pages)")
	j.reopen(t)
	s, _ = open(t, j, soon())
	left := 0
	for _, rows := range samples(t, s, -100*time.Hour, time.Hour) {
		left += len(rows)
	}
	if int64(left) != before-lost {
		t.Errorf("%d samples are read, want %d of %d", left, before-lost, before)
	}
	if s.Corrupt() == 0 {
		t.Error("Corrupt() = 0, want the page counted")
	}
	fill(t, s, 40, 100) // merging leaves the damaged block where it is
	if n := j.count(t, "SELECT count(*) FROM pages WHERE id = (SELECT min(id) FROM pages)"); n != 1 {
		t.Error("the damaged page is gone")
	}
}

// A page is found by columns beside it: a flip there is damage like one inside.
func TestPages_TellADamagedColumn(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"min_series", "max_series", "min_time", "max_time", "samples"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			j := newJournal(t, nil)
			s, stop := open(t, j, soon())
			fill(t, s, 0, 40)
			stop()
			j.tamper(t, "UPDATE pages SET "+column+" = "+column+" + 4 WHERE id = (SELECT min(id) FROM pages)")
			h, err := sqlite.Examine(t.Context(), j.path, sqlite.Decoders{Log: metrics.DecodeLog, Page: metrics.DecodePage}, nil)
			if err != nil || h.Damaged != 1 {
				t.Errorf("doctor finds %d places damaged, %v; want one", h.Damaged, err)
			}
			j.reopen(t)
			s, _ = open(t, j, soon())
			_ = samples(t, s, -100*time.Hour, time.Hour)
			if s.Corrupt() == 0 {
				t.Error("a reader did not notice")
			}
		})
	}
}

// What a block says of itself, and which pages it has, is counted again.
func TestDoctor_TellsABlockThatIsNotWhatItSays(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		"blocks SET samples = samples + 4", "blocks SET bytes = bytes + 4", "blocks SET min_time = min_time + 4", "blocks SET max_time = max_time + 4",
		"pages SET block = block + 4096",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			j := newJournal(t, nil)
			s, stop := open(t, j, soon())
			fill(t, s, 0, 40)
			stop()
			table, _, _ := strings.Cut(change, " ")
			of := map[string]string{"blocks": "id = (SELECT min(id) FROM blocks WHERE live)", "pages": "id = (SELECT min(p.id) FROM pages p JOIN blocks b ON b.id = p.block AND b.live)"}
			j.tamper(t, "PRAGMA foreign_keys = OFF; UPDATE "+change+" WHERE "+of[table])
			h, err := sqlite.Examine(t.Context(), j.path, sqlite.Decoders{Log: metrics.DecodeLog, Page: metrics.DecodePage}, nil)
			if err != nil || h.Damaged == 0 {
				t.Errorf("doctor finds %d places damaged, %v", h.Damaged, err)
			}
		})
	}
}

// Pages of before have a checksum of their data alone, and are read.
func TestPages_WithAChecksumOfTheirDataAreRead(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, soon())
	fill(t, s, 0, 40)
	stop()
	_, rows, err := sqlite.Query(t.Context(), j.path, "SELECT id, data FROM pages", sqlite.QueryOptions{})
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	for _, r := range rows {
		sum := crc32.Checksum(r[1].([]byte), crc32.MakeTable(crc32.Castagnoli))
		j.tamper(t, fmt.Sprintf("UPDATE pages SET checksum = %d WHERE id = %d", sum, r[0]))
	}
	j.reopen(t)
	s, _ = open(t, j, soon())
	wantFilled(t, j, s, 40)
	if s.Corrupt() != 0 {
		t.Errorf("%d old pages count as damaged", s.Corrupt())
	}
}

func TestTidy_KeepsADamagedRowOfTheLogForAPerson(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, _ := open(t, j, metrics.Options{})
	appendAll(t, s, batch(t, s, 0, in{"a", 0, 1}), batch(t, s, 0, in{"a", 1, 2}), batch(t, s, 0, in{"a", 2, 3}))
	j.tamper(t, "UPDATE log SET batch = CAST(batch || x'00' AS BLOB) WHERE id = 2")
	if err := s.Tidy(t.Context(), start.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := j.count(t, "SELECT sum(id) FROM log_aside"); n != 2 {
		t.Errorf("set aside: %d, want row 2", n)
	}
	if n := j.count(t, "SELECT count(*) FROM metrics"); n != 2 {
		t.Errorf("%d samples, want the two others", n)
	}
}

func TestTidy_AppliesRetentionByAgeAndBySize(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	o := soon()
	o.Retention = 20000 * time.Second
	s, stop := open(t, j, o)
	fill(t, s, 0, 2000) // the newest is 16000 s old
	if n := j.count(t, "SELECT count(*) FROM metrics"); n < 4000 || n > 7000 {
		t.Errorf("%d samples of 20000 are kept, want those of the last 20000 s and some beside them", n)
	}
	before := j.count(t, "SELECT sum(bytes) FROM blocks")
	stop()
	j.reopen(t)
	o.MaxBytes = before / 2
	s, _ = open(t, j, o)
	tidy(t, s)
	if after := j.count(t, "SELECT coalesce(sum(bytes), 0) FROM blocks"); after > o.MaxBytes || after < o.MaxBytes/8 {
		t.Errorf("%d bytes are kept, want at most %d", after, o.MaxBytes)
	}
	got := samples(t, s, -100*time.Hour, time.Hour)["s0"]
	if _, ok := got[time.Duration(1999-3600)*10*time.Second]; !ok {
		t.Error("the newest sample is gone")
	}
}
