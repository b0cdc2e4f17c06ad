package sqlite_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func group(text string, from, to int64, series ...flow.SeriesRow) flow.LogGroup {
	return flow.LogGroup{NewSeries: series, Blob: []byte(text), Checksum: 1 << 31, Samples: len(text), MinTime: from, MaxTime: to}
}

func series(id uint64, name string, labels vigil.Labels) flow.SeriesRow {
	meta := vigil.Series{Name: name, Labels: labels}
	return flow.SeriesRow{ID: id, Meta: meta, Key: string(flow.AppendKey(nil, meta))}
}

func TestJournal_ReadsBackWhatOverlaps(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	a, b := series(1, "cpu", vigil.Labels{"host": "a"}), series(math.MaxUint64>>1, "mem", nil)
	must(t, db.AppendLog(t.Context(), group("late", 10, 19, a)))
	must(t, db.AppendLog(t.Context(), group("old", 0, 5, a, b)))
	must(t, db.AppendLog(t.Context(), group("new", 15, 30)))
	closeDB(t, db)
	db = open(t, path)

	var got []flow.SeriesRow
	must(t, db.EachSeries(t.Context(), func(s flow.SeriesRow) error {
		got = append(got, s)
		return nil
	}))
	if diff := cmp.Diff([]flow.SeriesRow{a, b}, got); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	f := func(from, to int64, want ...string) {
		t.Helper()
		rows := []string{}
		must(t, db.EachLog(t.Context(), 0, from, to, func(r flow.LogRow) error {
			rows = append(rows, string(r.Blob))
			if r.Checksum != 1<<31 {
				t.Errorf("checksum = %d", r.Checksum)
			}
			return nil
		}))
		if fmt.Sprint(rows) != fmt.Sprint(want) {
			t.Errorf("EachLog(%d, %d) = %v, want %v", from, to, rows, want)
		}
	}
	f(math.MinInt64, math.MaxInt64, "late", "old", "new")
	f(5, 10, "late", "old")
	f(16, 16, "late", "new")
	f(31, 40)
	f(6, 9)

	stop := errors.New("enough")
	if err := db.EachLog(t.Context(), 0, 0, 99, func(flow.LogRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("EachLog = %v, want the callback's error", err)
	}
}

func TestJournal_ASeriesKeepsItsName(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	must(t, db.AppendLog(t.Context(), group("x", 0, 1, series(1, "cpu", nil))))
	wantCode(t, db.AppendLog(t.Context(), group("y", 0, 1, series(1, "mem", nil))), "series_id_reused")
	n := 0
	must(t, db.EachLog(t.Context(), 0, 0, 9, func(flow.LogRow) error { n++; return nil }))
	if n != 1 {
		t.Errorf("rows = %d, want the first one only", n)
	}
}

func TestJournal_PagesThroughManyRows(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	for i := range int64(600) {
		must(t, db.AppendLog(t.Context(), group("x", i, i)))
	}
	n := 0
	must(t, db.EachLog(t.Context(), 0, 10, 579, func(flow.LogRow) error { n++; return nil }))
	if n != 570 {
		t.Errorf("rows = %d, want 570", n)
	}
}

func TestTrimLog_DeletesWhatIsTooOld(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	fill := func(n int) {
		for i := range int64(n) {
			must(t, db.AppendLog(t.Context(), group("0123456789", i, i)))
		}
	}
	left := func() (n int, oldest int64) {
		must(t, db.EachLog(t.Context(), 0, math.MinInt64, math.MaxInt64, func(r flow.LogRow) error {
			if n == 0 {
				oldest = r.ID
			}
			n++
			return nil
		}))
		return n, oldest
	}
	f := func(before int64, wantDeleted, wantLeft int, wantOldest int64) {
		t.Helper()
		deleted, err := db.TrimLog(t.Context(), before)
		must(t, err)
		if n, oldest := left(); deleted != wantDeleted || n != wantLeft || oldest != wantOldest {
			t.Errorf("TrimLog(%d) deleted %d left %d from %d, want %d, %d, %d", before, deleted, n, oldest, wantDeleted, wantLeft, wantOldest)
		}
	}
	fill(600)
	f(0, 0, 600, 1)
	f(300, 300, 300, 301)
	f(300, 0, 300, 301)
	fill(1)
	f(1, 1, 300, 301)
}
