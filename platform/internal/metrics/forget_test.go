package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// aging is a store whose clock is moved by hand.
type aging struct {
	*journal
	s    *metrics.Store
	now  time.Duration // after start
	stop func()
}

func newAging(t *testing.T, retention time.Duration) *aging {
	t.Helper()
	a := &aging{journal: newJournal(t, nil)}
	a.begin(t, retention)
	return a
}

func (a *aging) begin(t *testing.T, retention time.Duration) {
	t.Helper()
	a.s, a.stop = open(t, a.journal, metrics.Options{Retention: retention})
}

// pass moves the clock and tidies.
func (a *aging) pass(t *testing.T, d time.Duration) {
	t.Helper()
	a.now += d
	if err := a.s.Tidy(t.Context(), start.Add(a.now)); err != nil {
		t.Fatal(err)
	}
}

func (a *aging) see(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		appendAll(t, a.s, batch(t, a.s, a.now, in{name, a.now, 1}))
	}
}

// A container's series go with its last sample: from memory and from the disk,
// also when nobody saw them since the last start.
func TestSeries_WithoutASampleWithinRetentionAreForgotten(t *testing.T) {
	t.Parallel()
	a := newAging(t, 24*time.Hour)
	a.see(t, "short-lived", "steady", "newest")
	for range 30 {
		a.pass(t, time.Hour)
		a.see(t, "steady")
	}
	a.stop()
	a.reopen(t)
	a.begin(t, 24*time.Hour)
	for range 12 {
		a.pass(t, time.Hour)
		a.see(t, "steady", "newest")
	}
	if n := a.s.Series(); n != 2 || a.s.Stats().Forgot != 1 {
		t.Errorf("%d series are known and %d were forgotten, want 2 and 1", n, a.s.Stats().Forgot)
	}
	if n := a.count(t, "SELECT count(*) FROM series"); n != 2 {
		t.Errorf("%d series are on disk, want 2", n)
	}
	if n := a.count(t, "SELECT count(*) FROM metrics WHERE name NOT IN ('steady', 'newest')"); n != 0 {
		t.Errorf("%d samples of nobody are shown", n)
	}
	a.see(t, "short-lived") // it comes back, as another one
	a.stop()
	a.reopen(t)
	a.begin(t, 24*time.Hour)
	if n := len(samples(t, a.s, 0, 100*time.Hour)["short-lived"]); n != 1 {
		t.Errorf("the series that came back has %d samples, want 1", n)
	}
}

// Whoever looks a series up keeps it for a while, so that its samples find it
// when they come to the disk.
func TestSeries_LookedUpIsNotForgotten(t *testing.T) {
	t.Parallel()
	a := newAging(t, 2*time.Hour)
	a.see(t, "back-soon", "other")
	a.pass(t, 6*time.Hour) // marks it
	late := batch(t, a.s, a.now, in{"back-soon", a.now, 2})
	a.pass(t, 11*time.Minute)
	appendAll(t, a.s, late)
	a.pass(t, 11*time.Minute)
	if v := samples(t, a.s, 6*time.Hour, 100*time.Hour)["back-soon"][6*time.Hour]; v != 2 || a.s.Stats().Forgot != 0 {
		t.Errorf("the new sample is %v and %d series were forgotten, want 2 and none", v, a.s.Stats().Forgot)
	}
}

// A batch that waited until its series was forgotten is refused: nothing is
// stored that nobody could read, and sent again it is.
func TestAppend_RefusesABatchWhoseSeriesWasForgotten(t *testing.T) {
	t.Parallel()
	a := newAging(t, 2*time.Hour)
	a.see(t, "gone", "other")
	late := batch(t, a.s, 6*time.Hour, in{"gone", 6 * time.Hour, 2})
	a.pass(t, 6*time.Hour)
	a.pass(t, 11*time.Minute)
	a.pass(t, 11*time.Minute)
	if err := a.s.Append(t.Context(), late); vigil.CodeOf(err) != "series_forgotten" {
		t.Fatalf("Append = %v, want series_forgotten", err)
	}
	a.see(t, "gone")
	if n := len(samples(t, a.s, 0, 100*time.Hour)["gone"]); n != 1 {
		t.Errorf("%d samples are read, want the one that was sent again", n)
	}
}

// Series that are never the same again take no more room than those of one
// retention, while others go on.
func TestSeries_ThatChurnStayBounded(t *testing.T) {
	t.Parallel()
	a := newAging(t, 2*time.Hour)
	most := 0
	for i := range 300 {
		b := &flow.Batch{Received: start.Add(a.now)}
		for k := range 10 {
			id, meta, err := intern(a.s, "churn", vigil.Labels{"pod": fmt.Sprint(i, "-", k)})
			if err != nil {
				t.Fatal(err)
			}
			b.Runs = append(b.Runs, flow.Run{ID: id, Meta: meta, First: uint32(k), Count: 1})
			b.Times, b.Values = append(b.Times, b.Received.UnixNano()), append(b.Values, 1)
		}
		appendAll(t, a.s, b)
		a.pass(t, 11*time.Minute)
		most = max(most, a.s.Series())
	}
	if most > 350 {
		t.Errorf("%d of 3000 series were known at once, want those of five hours", most)
	}
	if n := a.count(t, "SELECT count(*) FROM series"); n > 350 {
		t.Errorf("%d series are on disk", n)
	}
}

// A store that gets a sample now and then seals them by their age, in blocks
// that are worth it, so that a start has little to read.
func TestTidy_SealsASlowLogByItsAge(t *testing.T) {
	t.Parallel()
	a := newAging(t, 24*time.Hour)
	for i := range 20 * 60 {
		if a.pass(t, time.Minute); i%2 == 0 {
			a.see(t, "slow")
		}
		if i%100 == 99 {
			if n := a.count(t, "SELECT count(*) FROM log"); n > 70 {
				t.Fatalf("after %d minutes %d rows are in the log, want those of two hours", i, n)
			}
		}
	}
	if n := a.count(t, "SELECT count(*) FROM blocks WHERE live"); n < 2 || n > 9 {
		t.Errorf("%d blocks hold twenty hours", n)
	}
	if n := a.count(t, "SELECT count(*) FROM metrics"); n != 600 {
		t.Errorf("%d samples, want 600", n)
	}
}

// Who remembers what Find answered asks again when a series is marked, which
// takes the mark off, and when it is forgotten.
func TestGeneration_ChangesWithMarksAndWithForgetting(t *testing.T) {
	t.Parallel()
	a := newAging(t, 2*time.Hour)
	a.see(t, "gone", "other")
	var seen []uint64
	for _, d := range []time.Duration{time.Minute, 6 * time.Hour, 11 * time.Minute, 11 * time.Minute} {
		a.pass(t, d)
		seen = append(seen, a.s.Generation())
	}
	if seen[0] == seen[1] || seen[1] == seen[2] || seen[2] != seen[3] {
		t.Errorf("generations are %v after nothing, marking, forgetting and nothing", seen)
	}
}
