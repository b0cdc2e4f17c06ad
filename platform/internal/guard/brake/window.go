package brake

import (
	"strings"
	"time"
	_ "time/tzdata" // a window means the same on a host without a time zone database

	"github.com/robfig/cron/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// window is a window that was understood.
type window struct {
	vigil.Window
	broken   bool           // it was not: it counts as open
	schedule cron.Schedule  // nil: once
	zone     *time.Location //
}

// understand reads a window's schedule and zone.
func understand(w vigil.Window) (window, error) {
	read := window{Window: w, zone: time.UTC}
	read.Open, read.OpensAt, read.ClosesAt = false, time.Time{}, time.Time{}
	var err error
	if read.zone, err = zoneOf(w.TZ); err != nil {
		return read, err
	}
	if w.Cron == "" {
		if w.From.IsZero() || w.Until.IsZero() {
			return read, invalid("cron", "a window has a schedule, or a time from which and until which it is open")
		}
		return read, nil
	}
	read.schedule, err = scheduleOf(w.Cron)
	return read, err
}

func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || len(name) > 64 {
		return time.UTC, vigil.Errorf(vigil.Invalid, "zone_unknown", "no time zone %.64q", name).With("field", "tz").
			Hinted("name one of the IANA database, for example --tz Europe/Berlin")
	}
	return zone, nil
}

// maxCron bounds an expression, in bytes.
const maxCron = 256

// scheduleOf reads five fields. It is asked about clock times as if they were
// UTC, so that the zone's changes are this package's to judge.
func scheduleOf(expression string) (cron.Schedule, error) {
	bad := func(why string) error {
		return vigil.Errorf(vigil.Invalid, "cron_invalid", "cron %.60q: %s", expression, why).With("field", "cron").
			Hinted("five fields, minute hour day month weekday (SUN or 0 to 6): '0 2 * * SUN' is Sundays at 02:00")
	}
	switch {
	case len(expression) > maxCron:
		return nil, bad("it is too long")
	case strings.Contains(expression, "TZ="):
		return nil, bad("the time zone is a field of its own, tz")
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(expression)
	if err != nil {
		why := err.Error()
		return nil, bad(why[:min(len(why), 120)])
	}
	return s, nil
}

// slack is by how much a search by the clock has to go beyond the times from and
// to so that it misses no moment: more than clocks are ever set forward or back
// for summer, and nothing when they are not.
func (w window) slack(from, to time.Time) time.Duration {
	_, a := from.Add(-24 * time.Hour).In(w.zone).Zone()
	_, b := to.Add(24 * time.Hour).In(w.zone).Zone()
	if a == b {
		return 0
	}
	return 3 * time.Hour
}

// around says when the window opens next after now, and when it closes, if it is
// open now; zero times: never, and it is not.
func (w window) around(now time.Time) (opens, closes time.Time) {
	if w.broken {
		return time.Time{}, time.Time{}
	}
	if w.schedule == nil {
		if now.Before(w.From) {
			return w.From, time.Time{}
		}
		if now.Before(w.Until) {
			closes = w.Until
		}
		return time.Time{}, closes
	}
	if last := w.last(now); !last.IsZero() {
		closes = last.Add(w.Duration.D())
	}
	return w.next(now), closes
}

// last is the newest opening that lasts at now, zero if there is none.
func (w window) last(now time.Time) (newest time.Time) {
	length := w.Duration.D()
	for _, back := range []time.Duration{time.Minute, 25 * time.Hour, length} {
		from := now.Add(-min(back, length))
		slack := w.slack(from, now)
		w.each(from.Add(-slack), func(at time.Time) bool {
			if !at.After(now) && at.After(newest) && now.Before(at.Add(length)) {
				newest = at
			}
			return !at.After(now.Add(slack))
		})
		if !newest.IsZero() || back >= length {
			break
		}
	}
	return newest
}

// next is the first opening after now, zero if there is none.
func (w window) next(now time.Time) (first time.Time) {
	slack := w.slack(now, now)
	w.each(now.Add(-slack), func(at time.Time) bool {
		if at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
		return first.IsZero() || at.Before(first.Add(slack))
	})
	return first
}

// each yields openings, about in order, of the clocks' times after that at from,
// until yield says no or there are none.
func (w window) each(from time.Time, yield func(time.Time) bool) {
	for clock := shown(from, w.zone).Add(-time.Second); ; {
		clock = w.schedule.Next(clock)
		if clock.IsZero() {
			return
		}
		for _, at := range moments(clock, w.zone) {
			if !yield(at) {
				return
			}
		}
	}
}

// shown is what clocks show at t, as if they showed UTC.
func shown(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// moments are when clocks show what clock says: once, twice when they are set
// back over it, and when they are set forward over it, the moment they jump.
func moments(clock time.Time, zone *time.Location) []time.Time {
	_, before := clock.Add(-24 * time.Hour).In(zone).Zone()
	_, after := clock.Add(24 * time.Hour).In(zone).Zone()
	first := clock.Add(-time.Duration(before) * time.Second)
	second := clock.Add(-time.Duration(after) * time.Second)
	switch a, b := shown(first, zone).Equal(clock), shown(second, zone).Equal(clock); {
	case a && b && !first.Equal(second):
		return []time.Time{first, second}
	case a:
		return []time.Time{first}
	case b:
		return []time.Time{second}
	}
	jump, _ := first.In(zone).ZoneBounds()
	return []time.Time{jump.UTC()}
}
