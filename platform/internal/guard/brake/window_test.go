package brake

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func hours(n float64) vigil.Duration { return vigil.Duration(n * float64(time.Hour)) }

func must(t testing.TB, w vigil.Window) window {
	t.Helper()
	read, err := understand(w)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func stamp(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The clocks of Berlin were set forward on 29 March 2026 from 02:00 to 03:00 and
// back on 25 October 2026 from 03:00 to 02:00.
func TestWindow_OpensByTheClocksOfItsZone(t *testing.T) {
	t.Parallel()
	f := func(name, cron string, length vigil.Duration, zone, now, opens, closes string) {
		t.Helper()
		w := must(t, vigil.Window{Name: "w", Cron: cron, Duration: length, TZ: zone})
		next, end := w.around(stamp(t, now))
		if got := next.In(w.zone).Format(time.RFC3339); got != opens {
			t.Errorf("%s: at %s opens next %s, want %s", name, now, got, opens)
		}
		got := ""
		if !end.IsZero() {
			got = end.In(w.zone).Format(time.RFC3339)
		}
		if got != closes {
			t.Errorf("%s: at %s closes %q, want %q", name, now, got, closes)
		}
	}
	const berlin, sundays = "Europe/Berlin", "0 2 * * SUN"
	f("before", sundays, hours(2), berlin, "2026-01-03T12:00:00Z", "2026-01-04T02:00:00+01:00", "")
	f("its first moment", sundays, hours(2), berlin, "2026-01-04T01:00:00Z", "2026-01-11T02:00:00+01:00", "2026-01-04T04:00:00+01:00")
	f("its last", sundays, hours(2), berlin, "2026-01-04T02:59:59Z", "2026-01-11T02:00:00+01:00", "2026-01-04T04:00:00+01:00")
	f("just over", sundays, hours(2), berlin, "2026-01-04T03:00:00Z", "2026-01-11T02:00:00+01:00", "")
	f("in summer", sundays, hours(2), berlin, "2026-07-05T00:30:00Z", "2026-07-12T02:00:00+02:00", "2026-07-05T04:00:00+02:00")

	f("the clocks skip its time", sundays, hours(2), berlin, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00", "")
	f("open since they jumped", sundays, hours(2), berlin, "2026-03-29T01:30:00Z", "2026-04-05T02:00:00+02:00", "2026-03-29T05:00:00+02:00")
	f("half past two is skipped too", "30 2 * * *", hours(1), berlin, "2026-03-29T00:59:59Z", "2026-03-29T03:00:00+02:00", "")
	f("an hour later there is none", "30 2 * * *", hours(1), berlin, "2026-03-29T02:00:00Z", "2026-03-30T02:30:00+02:00", "")

	f("the clocks show its time twice", sundays, hours(2), berlin, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00")
	f("the second time", sundays, hours(2), berlin, "2026-10-25T01:00:00Z", "2026-11-01T02:00:00+01:00", "2026-10-25T04:00:00+01:00")
	f("over after both", sundays, hours(2), berlin, "2026-10-25T03:00:00Z", "2026-11-01T02:00:00+01:00", "")
	f("opened before they were set back", "30 1 * * SUN", hours(2), berlin, "2026-10-25T00:59:00Z", "2026-11-01T01:30:00+01:00", "2026-10-25T02:30:00+01:00")

	f("midnight is skipped", "0 0 * * *", hours(1), "America/Sao_Paulo", "2018-11-04T02:00:00Z", "2018-11-04T01:00:00-02:00", "")
	f("half an hour is skipped", "15 2 * * *", hours(1), "Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-04T02:30:00+11:00", "")
	f("a whole day was skipped", "0 12 30 * *", hours(1), "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-31T00:00:00+14:00", "")
	f("no zone is UTC", "0 2 * * *", hours(2), "", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "")
	f("seven days long", sundays, hours(168), "UTC", "2026-01-04T01:00:00Z", "2026-01-04T02:00:00Z", "2026-01-04T02:00:00Z")
	f("a leap day", "0 0 29 2 *", hours(24), "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z", "")
}

// oracle says whether a daily window is open by walking through every minute
// that may have opened it.
func oracle(hour, minute int, length time.Duration, zone *time.Location, now time.Time) bool {
	matches := func(clock time.Time) bool { return clock.Hour() == hour && clock.Minute() == minute }
	for at := now.Truncate(time.Minute); at.Add(length).After(now); at = at.Add(-time.Minute) {
		if matches(at.In(zone)) {
			return true
		}
		before, here := shown(at.Add(-time.Minute), zone), shown(at, zone)
		for skipped := before.Add(time.Minute); skipped.Before(here); skipped = skipped.Add(time.Minute) {
			if matches(skipped) {
				return true
			}
		}
	}
	return false
}

func TestWindow_IsOpenWhenEveryMinuteSaysSo(t *testing.T) {
	t.Parallel()
	days := map[string][]string{ // around the days on which clocks change
		"Europe/Berlin":       {"2026-03-28", "2026-10-24"},
		"America/New_York":    {"2026-03-07", "2026-10-31"},
		"Australia/Lord_Howe": {"2026-04-04", "2026-10-03"},
		"Asia/Kolkata":        {"2026-03-28"},
		"America/Sao_Paulo":   {"2018-11-03", "2019-02-16"},
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"}).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.ParseInLocation(time.DateOnly, rapid.SampledFrom(days[name]).Draw(t, "day"), zone)
		if err != nil {
			t.Fatal(err)
		}
		hour, minute := rapid.IntRange(0, 4).Draw(t, "hour"), 15*rapid.IntRange(0, 3).Draw(t, "quarter")
		length := time.Duration(rapid.IntRange(1, 40).Draw(t, "hours/2")) * 30 * time.Minute
		now := day.Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "minutes")) * time.Minute)
		w, err := understand(vigil.Window{Name: "w", Cron: fmt.Sprintf("%d %d * * *", minute, hour), Duration: vigil.Duration(length), TZ: name})
		if err != nil {
			t.Fatal(err)
		}
		next, closes := w.around(now)
		if got, want := !closes.IsZero(), oracle(hour, minute, length, zone, now); got != want {
			t.Fatalf("%s for %s: open at %s = %v, want %v", w.Cron, length, now, got, want)
		}
		if !next.After(now) || next.After(now.Add(26*time.Hour)) {
			t.Fatalf("%s: after %s it opens at %s", w.Cron, now, next.In(zone))
		}
	})
}

func TestWindow_Once(t *testing.T) {
	t.Parallel()
	from := stamp(t, "2026-01-04T01:00:00Z")
	w := must(t, vigil.Window{Name: "w", From: from, Until: from.Add(time.Hour)})
	f := func(now time.Time, opens, closes time.Time) {
		t.Helper()
		if o, c := w.around(now); !o.Equal(opens) || !c.Equal(closes) {
			t.Errorf("at %s: opens %s, closes %s, want %s and %s", now, o, c, opens, closes)
		}
	}
	f(from.Add(-1), from, time.Time{})
	f(from, time.Time{}, from.Add(time.Hour))
	f(from.Add(time.Hour-1), time.Time{}, from.Add(time.Hour))
	f(from.Add(time.Hour), time.Time{}, time.Time{})
}

// Whatever a person types is a schedule or a coded error.
func FuzzScheduleOf(f *testing.F) {
	for _, s := range []string{"0 2 * * SUN", "*/5 1-3 1,15 * MON-FRI", "TZ=", "CRON_TZ=UTC * * * * *", "0 0 30 2 *", "@daily", "1-0 * * * *", "*/0 * * * *", "99999999999999999999 * * * *"} {
		f.Add(s)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		w, err := checkWindow(vigil.Window{Name: "w", Cron: s, Duration: hours(1)}, at)
		if err != nil {
			if code := vigil.CodeOf(err); code != "cron_invalid" && code != "maintenance_invalid" {
				t.Fatalf("%q: code %s", s, code)
			}
			return
		}
		if next := w.next(at); !next.After(at) {
			t.Fatalf("%q: opens at %s", s, next)
		}
	})
}

func BenchmarkSet_EveryWindowMinutely(b *testing.B) {
	var windows []vigil.Window
	for i := range MaxWindows {
		windows = append(windows, vigil.Window{Name: fmt.Sprintf("w-%d", i), Cron: "* * * * *", Duration: hours(1), TZ: "Europe/Berlin"})
	}
	s, now := New(nil, windows), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		now = now.Add(time.Minute)
		s = s.At(now)
	}
}
