package brake

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

var (
	nine = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	web  = vigil.Target{Kind: "service", Name: "web", Host: "a"}
)

func TestSet_IsBounded(t *testing.T) {
	t.Parallel()
	var s Set
	for i := range 3000 {
		next, _, err := s.With(vigil.Pause{ID: fmt.Sprint(i), Holder: fmt.Sprintf("holder-%d", i), Reason: "r", At: nine})
		if over := i >= MaxPauses; over != (err != nil) || over && vigil.CodeOf(err) != "pauses_full" {
			t.Fatalf("pause %d: %v", i, err)
		}
		s = next
		w := vigil.Window{Name: fmt.Sprintf("w-%d", i), Cron: "0 2 * * *", Duration: hours(1)}
		if s, err = s.WithWindow(w, nine); (i >= MaxWindows) != (err != nil) {
			t.Fatalf("window %d: %v", i, err)
		}
	}
	if n := len(s.Pauses()); n != MaxPauses {
		t.Errorf("%d pauses, want %d", n, MaxPauses)
	}
	// Who is in already may still say it again.
	if _, replaced, err := s.With(vigil.Pause{ID: "x", Holder: "holder-7", Reason: "longer"}); err != nil || replaced != "7" {
		t.Errorf("With = %q, %v, want 7 replaced", replaced, err)
	}
}

// What cannot be understood is in force, for everything, until a person removes
// it.
func TestNew_CountsWhatItCannotReadAsOpen(t *testing.T) {
	t.Parallel()
	for _, w := range []vigil.Window{
		{Name: "lost"},
		{Name: "cron", Cron: "every now and then", Duration: hours(1)},
		{Name: "zone", Cron: "0 2 * * *", Duration: hours(1), TZ: "Mars/Olympus"},
	} {
		s := New(nil, []vigil.Window{w})
		got, closes, ok := s.Maintained("any", web, nine)
		if !ok || !closes.IsZero() || got.Name != w.Name || !s.Windows(nine)[0].Open {
			t.Errorf("%s: %+v, %s, %v, want it open without an end", w.Name, got, closes, ok)
		}
		s, gone := s.WithoutWindows(func(v vigil.Window) bool { return v.Name == w.Name })
		if _, _, ok := s.Maintained("any", web, nine); ok || len(gone) != 1 {
			t.Errorf("%s: still open after its removal", w.Name)
		}
	}
}

func TestCheck_RefusesWithACodeAndAnExample(t *testing.T) {
	t.Parallel()
	f := func(err error, code, hint string) {
		t.Helper()
		if got := vigil.AsError(err); err == nil || got.Code != code || !strings.Contains(got.Hint, hint) || len(got.Msg) > 300 {
			t.Errorf("%v (%q), want %s with a hint of %q", err, vigil.AsError(err).Hint, code, hint)
		}
	}
	pause := func(change func(p *vigil.Pause)) error {
		p := vigil.Pause{Holder: "ann", Reason: "moving"}
		change(&p)
		return CheckPause(p, nine)
	}
	f(pause(func(p *vigil.Pause) { p.Reason = " \t" }), "reason_missing", "--reason")
	f(pause(func(p *vigil.Pause) { p.Reason = strings.Repeat("x", 1025) }), "reason_too_long", "")
	f(pause(func(p *vigil.Pause) { p.Expires = nine }), "expiry_past", "leave")
	f(pause(func(p *vigil.Pause) { p.Expires = nine.AddDate(-1, 0, 0) }), "expiry_past", "")
	f(pause(func(p *vigil.Pause) { p.Holder = "" }), "holder_invalid", "")
	f(pause(func(p *vigil.Pause) { p.Holder = "ann\nbob" }), "holder_invalid", "")
	f(pause(func(p *vigil.Pause) { p.Holder = strings.Repeat("x", 129) }), "holder_invalid", "")
	f(pause(func(p *vigil.Pause) { p.Target = "everything" }), "scope_invalid", "service:web@*")
	if err := pause(func(*vigil.Pause) {}); err != nil {
		t.Errorf("a sound pause: %v", err)
	}

	window := func(change func(w *vigil.Window)) error {
		w := vigil.Window{Name: "backup", Cron: "0 2 * * SUN", Duration: hours(2), TZ: "Europe/Berlin"}
		change(&w)
		_, err := checkWindow(w, nine)
		return err
	}
	once := func(from, until time.Time) func(w *vigil.Window) {
		return func(w *vigil.Window) { w.Cron, w.Duration, w.From, w.Until = "", 0, from, until }
	}
	for _, cron := range []string{"0 2 * *", "0 25 * * *", "@daily", "0 2 * * FUNDAY", "TZ=", "TZ=UTC 0 2 * * *", strings.Repeat("1,", 200) + "1 * * * *", strings.Repeat("é", 50)} {
		f(window(func(w *vigil.Window) { w.Cron = cron }), "cron_invalid", "'0 2 * * SUN'")
	}
	f(window(func(w *vigil.Window) { w.Cron = "0 0 30 2 *" }), "maintenance_invalid", "SUN")
	for _, zone := range []string{"Mars/Olympus", "Local", "../../etc/passwd", strings.Repeat("x", 500)} {
		f(window(func(w *vigil.Window) { w.TZ = zone }), "zone_unknown", "Europe/Berlin")
	}
	f(window(func(w *vigil.Window) { w.Duration = 0 }), "maintenance_invalid", "2h")
	f(window(func(w *vigil.Window) { w.Duration = hours(169) }), "maintenance_invalid", "2h")
	f(window(func(w *vigil.Window) { w.Name = "Weekly Backup" }), "maintenance_invalid", "weekly-backup")
	f(window(func(w *vigil.Window) { w.From = nine }), "maintenance_invalid", "")
	f(window(func(w *vigil.Window) { w.Cron = "" }), "maintenance_invalid", "")
	f(window(once(nine, nine)), "maintenance_invalid", "")
	f(window(once(nine.Add(-2*time.Hour), nine.Add(-time.Hour))), "maintenance_invalid", "")
	if err := window(once(nine, nine.Add(time.Hour))); err != nil {
		t.Errorf("a sound window for once: %v", err)
	}
}

// What is in force at a time does not depend on when it was looked at before.
func TestSet_AtForgetsNothingAndInventsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		var err error
		minutes := func(label string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Minute
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "windows") {
			w := vigil.Window{Name: fmt.Sprint("w-", i), Cron: fmt.Sprintf("*/%d * * * *", rapid.IntRange(1, 59).Draw(t, "every")), Duration: vigil.Duration(time.Minute + minutes("length", 90))}
			if s, err = s.WithWindow(w, nine); err != nil {
				t.Fatal(err)
			}
		}
		fresh := s
		for range 20 {
			now := nine.Add(minutes("now", 400))
			s = s.At(now)
			a, closesA, okA := s.Maintained("p", web, now)
			b, closesB, okB := fresh.Maintained("p", web, now)
			if a.Name != b.Name || !closesA.Equal(closesB) || okA != okB {
				t.Fatalf("at %s %s until %s (%v), want %s until %s (%v)", now, a.Name, closesA, okA, b.Name, closesB, okB)
			}
		}
	})
}
