package metrics_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// start is when the tests' clock stands.
var start = time.Unix(1_700_000_000, 0)

// journal is a real database. hold, if set, is asked before each append, as a
// disk that takes its time or refuses.
type journal struct {
	*sqlite.DB
	path string
	hold func(flow.LogGroup) error
}

func newJournal(t testing.TB, hold func(flow.LogGroup) error) *journal {
	t.Helper()
	j := &journal{path: filepath.Join(t.TempDir(), "vigil.db"), hold: hold}
	j.reopen(t)
	return j
}

// reopen opens the database again, as the next process would.
func (j *journal) reopen(t testing.TB) {
	t.Helper()
	j.shut(t)
	var err error
	if j.DB, err = sqlite.Open(t.Context(), j.path, sqlite.Options{}); err != nil {
		t.Fatalf("Open: %v", err)
	}
	db := j.DB
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
}

func (j *journal) shut(t testing.TB) {
	t.Helper()
	if j.DB == nil {
		return
	}
	if err := j.Close(t.Context()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func (j *journal) disk() metrics.Disk {
	return metrics.Disk{Journal: j, Archive: j.DB, Past: j.DB}
}

func (j *journal) AppendLog(ctx context.Context, g flow.LogGroup) error {
	if j.hold != nil {
		if err := j.hold(g); err != nil {
			return err
		}
	}
	return j.DB.AppendLog(ctx, g)
}

// tamper runs a statement behind the database's back.
func (j *journal) tamper(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", j.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// count returns the one number that a query gives.
func (j *journal) count(t testing.TB, query string) (n int64) {
	t.Helper()
	_, rows, err := sqlite.Query(t.Context(), j.path, query, sqlite.QueryOptions{DecodeLog: metrics.DecodeLog, DecodePage: metrics.DecodePage})
	if err != nil {
		t.Fatal(err)
	}
	n, _ = rows[0][0].(int64)
	return n
}

// open opens a store and runs it until stop, or the end of the test.
func open(t testing.TB, j *journal, o metrics.Options) (s *metrics.Store, stop func()) {
	t.Helper()
	return openDisk(t, j.disk(), o)
}

func openDisk(t testing.TB, d metrics.Disk, o metrics.Options) (s *metrics.Store, stop func()) {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return start }
	}
	s, err := metrics.Open(t.Context(), d, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

type in struct {
	name string
	at   time.Duration // after start
	v    float64
}

func intern(s *metrics.Store, name string, labels vigil.Labels) (uint64, vigil.Series, error) {
	row, err := s.Intern(flow.AppendKey(nil, vigil.Series{Name: name, Labels: labels}))
	return row.ID, row.Meta, err
}

// batch makes a batch, one run per sample, received at a time after start.
func batch(t testing.TB, s *metrics.Store, received time.Duration, samples ...in) *flow.Batch {
	t.Helper()
	b := &flow.Batch{Received: start.Add(received)}
	for i, one := range samples {
		id, meta, err := intern(s, one.name, nil)
		if err != nil {
			t.Fatalf("Intern(%q): %v", one.name, err)
		}
		b.Runs = append(b.Runs, flow.Run{ID: id, Meta: meta, First: uint32(i), Count: 1})
		b.Times = append(b.Times, start.Add(one.at).UnixNano())
		b.Values = append(b.Values, one.v)
	}
	return b
}

func appendAll(t testing.TB, s *metrics.Store, batches ...*flow.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatalf("Append: %v", err)
		}
	}
}

func latest(t testing.TB, s *metrics.Store, n int) (out []string) {
	t.Helper()
	got, err := s.Latest(t.Context(), n)
	if err != nil {
		t.Fatalf("Latest(%d): %v", n, err)
	}
	for _, g := range got {
		out = append(out, fmt.Sprintf("%s=%v@%s", g.Name, g.Value, g.Time.Sub(start)))
	}
	return out
}

func all(vigil.Series) bool { return true }

func samples(t testing.TB, s *metrics.Store, from, to time.Duration) map[string]map[time.Duration]float64 {
	t.Helper()
	got, err := s.Samples(t.Context(), flow.Choice{Match: all}, start.Add(from), start.Add(to), 0)
	if err != nil {
		t.Fatalf("Samples: %v", err)
	}
	out := map[string]map[time.Duration]float64{}
	for _, h := range got {
		out[h.Meta.String()] = map[time.Duration]float64{}
		for i, ts := range h.Times {
			if i > 0 && ts <= h.Times[i-1] {
				t.Errorf("%s: times do not ascend at %d", h.Meta, i)
			}
			out[h.Meta.String()][time.Unix(0, ts).Sub(start)] = h.Values[i]
		}
	}
	return out
}

func TestAppend_ReturnsOnlyAfterTheCommitAndShowsNothingBefore(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	j := newJournal(t, func(flow.LogGroup) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	s, _ := open(t, j, metrics.Options{})
	b := batch(t, s, 0, in{"a", 0, 1})
	done := make(chan error, 1)
	go func() { done <- s.Append(t.Context(), b) }()
	<-entered
	if got := samples(t, s, -time.Hour, time.Hour); len(got) != 0 {
		t.Errorf("Samples before the commit = %v, want none", got)
	}
	select {
	case err := <-done:
		t.Fatalf("Append returned %v before the commit did", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatalf("Append: %v", err)
	}
	if diff := cmp.Diff([]string{"a=1@0s"}, latest(t, s, 1)); diff != "" {
		t.Errorf("Latest (-want +got):\n%s", diff)
	}
}

func TestAppend_GroupsWhatWaitsWhileACommitIsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan int), make(chan struct{})
	j := newJournal(t, func(g flow.LogGroup) error {
		entered <- g.Samples
		<-release
		return nil
	})
	s, _ := open(t, j, metrics.Options{})
	first := batch(t, s, 0, in{"a", 0, 1})
	var rest []*flow.Batch
	for i := range 20 {
		rest = append(rest, batch(t, s, 0, in{"b", time.Duration(i), 1}))
	}
	var wg sync.WaitGroup
	wg.Go(func() { appendAll(t, s, first) })
	if n := <-entered; n != 1 {
		t.Errorf("the first group holds %d samples, want 1: no delay when idle", n)
	}
	for _, b := range rest {
		wg.Go(func() { appendAll(t, s, b) })
	}
	waitQueued(t, s, len(rest))
	close(release)
	if n := <-entered; n != len(rest) {
		t.Errorf("the second group holds %d samples, want %d", n, len(rest))
	}
	wg.Wait()
}

// waitQueued returns when n batches wait for the committer.
func waitQueued(t *testing.T, s *metrics.Store, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for s.Waiting() < n {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("only %d of %d batches wait", s.Waiting(), n)
		}
	}
}

func TestAppend_TellsEveryoneOfAFailedCommitAndShowsNothing(t *testing.T) {
	t.Parallel()
	broken := vigil.Errorf(vigil.Internal, "storage_failed", "disk on fire")
	j := newJournal(t, func(flow.LogGroup) error { return broken })
	s, _ := open(t, j, metrics.Options{})
	if err := s.Append(t.Context(), batch(t, s, 0, in{"a", 0, 1})); !errors.Is(err, broken) {
		t.Errorf("Append = %v, want %v", err, broken)
	}
	if got := latest(t, s, 10); len(got) != 0 {
		t.Errorf("Latest = %v, want none", got)
	}
	j.hold = nil // the journal decides whether it works again; the store tells the series again
	appendAll(t, s, batch(t, s, 0, in{"a", 0, 1}))
	if n := j.count(t, "SELECT count(*) FROM series"); n != 1 {
		t.Errorf("%d series on disk, want one", n)
	}
}

func TestAppend_RefusesWhenTooMuchWaits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 2), make(chan struct{})
	j := newJournal(t, func(flow.LogGroup) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	s, _ := open(t, j, metrics.Options{MaxWaiting: 20})
	b := batch(t, s, 0, in{"a", 0, 1})
	var wg sync.WaitGroup
	wg.Go(func() { appendAll(t, s, b) })
	<-entered
	wg.Go(func() { appendAll(t, s, b) })
	waitQueued(t, s, 1)
	if err := s.Append(t.Context(), b); vigil.CodeOf(err) != "ingest_overload" || vigil.KindOf(err) != vigil.Busy {
		t.Errorf("Append = %v, want ingest_overload", err)
	}
	close(release)
	wg.Wait()
}

func TestAppend_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, err := metrics.Open(t.Context(), newJournal(t, nil).disk(), metrics.Options{Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := batch(t, s, 0, in{"a", 0, 1})
	if err := s.Append(ctx, b); vigil.CodeOf(err) != "ingest_timeout" {
		t.Errorf("Append = %v, want ingest_timeout", err)
	}
}

func TestRun_WritesWhatWaitsBeforeItReturnsAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 2), make(chan struct{})
	j := newJournal(t, func(flow.LogGroup) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	s, stop := open(t, j, metrics.Options{})
	a, b := batch(t, s, 0, in{"a", 0, 1}), batch(t, s, 0, in{"b", 0, 2})
	var wg sync.WaitGroup
	wg.Go(func() { appendAll(t, s, a) })
	<-entered
	wg.Go(func() { appendAll(t, s, b) })
	waitQueued(t, s, 1)
	wg.Go(stop)
	close(release)
	wg.Wait()
	if n := j.count(t, "SELECT count(*) FROM log"); n != 2 {
		t.Errorf("%d groups written, want 2", n)
	}
	if err := s.Append(t.Context(), a); vigil.CodeOf(err) != "shutting_down" {
		t.Errorf("Append after Run = %v, want shutting_down", err)
	}
}

func TestStore_RemembersAfterARestart(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, metrics.Options{})
	appendAll(t, s,
		batch(t, s, -20*time.Minute, in{"old", -20 * time.Minute, 1}),
		batch(t, s, 0, in{"a", -time.Second, 1}, in{"b", 0, 2}),
		batch(t, s, 0, in{"a", 0, 3}))
	want := latest(t, s, 10)
	id, _, _ := intern(s, "a", nil)
	stop()

	s, _ = open(t, j, metrics.Options{})
	if diff := cmp.Diff(want, latest(t, s, 10)); diff != "" {
		t.Errorf("Latest after a restart (-want +got):\n%s", diff)
	}
	if again, _, _ := intern(s, "a", nil); again != id {
		t.Errorf("id of a = %d, was %d", again, id)
	}
	if fresh, _, _ := intern(s, "c", nil); fresh <= 3 {
		t.Errorf("id of a new series = %d, want one never given", fresh)
	}
	for _, from := range []time.Duration{-time.Minute, -time.Hour} { // from memory, from the log
		got := samples(t, s, from, time.Hour)
		if diff := cmp.Diff(map[time.Duration]float64{-time.Second: 1, 0: 3}, got["a"]); diff != "" {
			t.Errorf("samples of a from %s (-want +got):\n%s", from, diff)
		}
	}
}

func TestLatest_IsNewestFirstByReceipt(t *testing.T) {
	t.Parallel()
	s, _ := open(t, newJournal(t, nil), metrics.Options{})
	appendAll(t, s,
		batch(t, s, 0, in{"a", 0, 1}),
		batch(t, s, time.Second, in{"late", -30 * time.Minute, 2}))
	want := []string{"late=2@-30m0s", "a=1@0s"}
	for _, n := range []int{2, 50} { // from memory, from the log
		if diff := cmp.Diff(want, latest(t, s, n)); diff != "" {
			t.Errorf("Latest(%d) (-want +got):\n%s", n, diff)
		}
	}
	if got := latest(t, s, -1); len(got) != 0 {
		t.Errorf("Latest(-1) = %v, want none", got)
	}
}

func TestOpen_SetsACorruptRowAsideAndReadsTheRest(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, metrics.Options{})
	appendAll(t, s, batch(t, s, 0, in{"a", 0, 1}), batch(t, s, 0, in{"a", 1, 2}), batch(t, s, 0, in{"a", 2, 3}))
	stop()
	j.tamper(t, "UPDATE log SET batch = CAST(batch || x'00' AS BLOB) WHERE id = 2")

	s, _ = open(t, j, metrics.Options{})
	if diff := cmp.Diff(map[time.Duration]float64{0: 1, 2: 3}, samples(t, s, 0, 10)["a"]); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if s.Corrupt() == 0 {
		t.Error("Corrupt() = 0, want the row counted")
	}
}

func TestIntern_RefusesNewSeriesAtTheLimitAndKnowsTheOld(t *testing.T) {
	t.Parallel()
	s, _ := open(t, newJournal(t, nil), metrics.Options{MaxSeries: 2})
	a, meta, err := intern(s, "a", vigil.Labels{"x": "1", "y": "2"})
	if err != nil || meta.String() != `a{x="1",y="2"}` {
		t.Fatalf("Intern = %v, %v", meta, err)
	}
	b, _, _ := intern(s, "a", vigil.Labels{"x": "1y", "": "2"}) // no run-together keys
	if a == b {
		t.Error("two series share an id")
	}
	if _, _, err := intern(s, "c", nil); vigil.CodeOf(err) != "series_limit" || vigil.KindOf(err) != vigil.Busy {
		t.Errorf("Intern over the limit = %v, want series_limit", err)
	}
	if again, _, err := intern(s, "a", vigil.Labels{"y": "2", "x": "1"}); again != a || err != nil {
		t.Errorf("Intern of a known series = %d, %v, want %d", again, err, a)
	}
	if _, ok := s.Find([]byte("\x01c")); ok {
		t.Error("Find knows a series that was refused")
	}
	if _, err := s.Intern([]byte("\x7f")); vigil.CodeOf(err) == "" {
		t.Error("Intern took bytes that are no key")
	}
}

func TestSamples_RefusesTooLargeAnswers(t *testing.T) {
	t.Parallel()
	s, _ := open(t, newJournal(t, nil), metrics.Options{MaxQuery: 5})
	for i := range 6 {
		appendAll(t, s, batch(t, s, 0, in{"a", time.Duration(i), 1}))
	}
	for _, from := range []time.Time{start, {}} {
		if _, err := s.Samples(t.Context(), flow.Choice{Match: all}, from, start.Add(time.Hour), 0); vigil.CodeOf(err) != "query_too_expensive" {
			t.Errorf("Samples from %v = %v, want query_too_expensive", from, err)
		}
	}
}

func TestSamples_SurvivesAbsurdRanges(t *testing.T) {
	t.Parallel()
	s, _ := open(t, newJournal(t, nil), metrics.Options{})
	appendAll(t, s, batch(t, s, 0, in{"a", 0, 1}))
	f := func(from, to time.Time, want int) {
		t.Helper()
		got, err := s.Samples(t.Context(), flow.Choice{Match: all}, from, to, 0)
		if err != nil || len(got) != want {
			t.Errorf("Samples(%v, %v) = %d series, %v, want %d", from, to, len(got), err, want)
		}
	}
	f(time.Time{}, time.Unix(1<<60, 0), 1)
	f(time.Unix(math.MinInt64, 0), time.Unix(0, math.MinInt64), 0)
	f(start.Add(1), start, 0)
	f(time.Unix(1<<60, 0), time.Unix(1<<61, 0), 0)
}

// Whatever order samples come in, memory, log and a restarted store tell the
// same: the last value received for each series and time.
func TestStore_KeepsTheLastOfEachSeriesAndTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		j := newJournal(t, nil)
		s, stop := open(t, j, metrics.Options{})
		defer stop()
		want := map[string]map[time.Duration]float64{}
		for i := range rapid.IntRange(1, 150).Draw(rt, "samples") {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "name")
			at := time.Duration(rapid.IntRange(-90, 90).Draw(rt, "at")) * time.Second
			appendAll(t, s, batch(t, s, 0, in{name, at, float64(i)}))
			if want[name] == nil {
				want[name] = map[time.Duration]float64{}
			}
			want[name][at] = float64(i)
		}
		lo := time.Duration(rapid.IntRange(-100, 90).Draw(rt, "from")) * time.Second
		for name, rows := range want {
			for at := range rows {
				if at < lo {
					delete(rows, at)
				}
			}
			if len(rows) == 0 {
				delete(want, name)
			}
		}
		if diff := cmp.Diff(want, samples(t, s, lo, time.Hour)); diff != "" {
			rt.Fatalf("samples (-want +got):\n%s", diff)
		}
		stop()
		again, _ := open(t, j, metrics.Options{})
		if diff := cmp.Diff(want, samples(t, again, lo, time.Hour)); diff != "" {
			rt.Fatalf("samples after a restart (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkFind_KnownSeries(b *testing.B) {
	s, _ := open(b, newJournal(b, nil), metrics.Options{})
	key := flow.AppendKey(nil, vigil.Series{Name: "service_cpu", Labels: vigil.Labels{"host": "web-1", "service": "backend"}})
	if _, err := s.Intern(key); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Find(key); !ok {
			b.Fatal("the series is not known")
		}
	}
}

func BenchmarkAppend_OneSample(b *testing.B) {
	s, _ := open(b, newJournal(b, func(flow.LogGroup) error { return nil }), metrics.Options{})
	one := batch(b, s, 0, in{"cpu_usage", 0, 0.12})
	b.ReportAllocs()
	for b.Loop() {
		appendAll(b, s, one)
	}
}
