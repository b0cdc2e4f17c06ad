package metrics_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
)

// known asks which series were heard of, relative to start.
func known(t testing.TB, s *metrics.Store, from, to time.Duration) (names []string) {
	t.Helper()
	got, err := s.Known(t.Context(), flow.Choice{Match: all}, start.Add(from), start.Add(to))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range got {
		names = append(names, one.Name)
	}
	return names
}

// TestKnown_NamesWhatWasHeardOfWithinARange: in memory, in the log and in blocks,
// and after a start, when memory knows nothing.
func TestKnown_NamesWhatWasHeardOfWithinARange(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, soon())
	appendAll(t, s, batch(t, s, -9*time.Hour, in{"gone", -9 * time.Hour, 1}))
	appendAll(t, s, batch(t, s, -5*time.Hour, in{"twice", -5 * time.Hour, 1}))
	tidy(t, s)
	fill(t, s, 3400, 160) // more than heads hold, until 400 s before start
	appendAll(t, s, batch(t, s, 0, in{"twice", -time.Minute, 2}, in{"new", 0, 1}))
	filled := func(more ...string) (names []string) {
		for k := range 10 {
			names = append(names, fmt.Sprintf("s%d", k))
		}
		return append(names, more...)
	}
	check := func(s *metrics.Store) {
		t.Helper()
		f := func(from, to time.Duration, want ...string) {
			t.Helper()
			got := known(t, s, from, to)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v to %v (-want +got):\n%s", from, to, diff)
			}
		}
		f(-10*time.Hour, time.Hour, filled("gone", "twice", "new")...)
		f(-10*time.Hour, -6*time.Hour, "gone")
		f(-9*time.Hour, -9*time.Hour, "gone")
		f(-6*time.Hour, -4*time.Hour, "twice")
		f(-4*time.Hour, -time.Hour)
		f(-2000*time.Second, -1900*time.Second, filled()...)
		f(-2*time.Minute, -time.Second, "twice")
		f(0, time.Hour, "new")
		f(time.Hour, 2*time.Hour)
		f(0, -time.Hour)
	}
	check(s)
	stop()
	j.reopen(t)
	again, _ := open(t, j, soon())
	check(again)
}

// TestKnown_ReadsAroundDamage: one page that cannot be read hides what is in it
// alone.
func TestKnown_ReadsAroundDamage(t *testing.T) {
	t.Parallel()
	j := newJournal(t, nil)
	s, stop := open(t, j, soon())
	fill(t, s, 0, 200)
	stop()
	j.tamper(t, "UPDATE pages SET data = x'00' WHERE id = (SELECT min(id) FROM pages)")
	j.reopen(t)
	again, _ := open(t, j, soon())
	if got := known(t, again, -100*time.Hour, -time.Minute); len(got) != 10 {
		t.Errorf("heard of %q, want all ten, which have other pages", got)
	}
	if again.Corrupt() == 0 {
		t.Error("the damaged page was not told")
	}
}
