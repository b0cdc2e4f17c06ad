package wasm

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestQuarantine_HoldsBackAModuleThatTrapsAgainAndAgain(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{Strikes: 3})
	module := bomb(t, endless)
	read := func() ([]byte, error) { return module, nil }
	for n := range 3 {
		p, err := e.OpenPolicy(t.Context(), digestOf(module), read)
		if err != nil {
			t.Fatalf("after %d traps: %v", n, err)
		}
		if _, err := p.Eval(t.Context(), ask(1)); vigil.CodeOf(err) != "guest_fuel" {
			t.Fatalf("Eval = %v", err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := e.OpenPolicy(t.Context(), digestOf(module), read)
	if vigil.CodeOf(err) != "module_quarantined" || vigil.KindOf(err) != vigil.Busy || vigil.AsError(err).Fields["retry_at"] == nil {
		t.Errorf("OpenPolicy = %v", err)
	}
	stats := e.Stats().Modules
	if len(stats) != 1 || stats[0].Traps["guest_fuel"] != 3 || stats[0].LastTrap != "guest_fuel" || stats[0].Quarantined.IsZero() || stats[0].Instances != 0 {
		t.Errorf("stats %+v", stats)
	}
	if good := openPolicy(t, e, assembly{}.bytes(t)); good == nil {
		t.Error("another module is held back too")
	}
}

func TestQuarantine_DoublesUpToALimitAndForgives(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	m := newTally(vigil.Manifest{Name: "m"})
	for n, want := range []time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second} {
		m.trap("guest_trap", now, 3)
		if got := max(0, m.until.Sub(now)); got != want {
			t.Errorf("after %d traps held back for %s, want %s", n+1, got, want)
		}
	}
	for range 30 {
		m.trap("guest_trap", now, 3)
	}
	if got := m.until.Sub(now); got != maxQuarantine {
		t.Errorf("held back for %s, want %s", got, maxQuarantine)
	}
	if err := m.admit(m.until); err != nil {
		t.Errorf("at the end of the quarantine: %v", err)
	}
	later := m.until.Add(calm + time.Second)
	m.trap("guest_trap", later, 3)
	if err := m.admit(later); err != nil {
		t.Errorf("one trap after a calm time: %v", err)
	}
}

func TestStats_CountWhatAModuleCosts(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{})
	p := openPolicy(t, e, assembly{pages: 3}.bytes(t))
	for range 4 {
		if _, err := p.Eval(t.Context(), ask(1, 2, 3)); err != nil {
			t.Fatal(err)
		}
	}
	before := e.Stats()
	if before.Memory != 3*wasmPage || before.Modules[0].Instances != 1 {
		t.Errorf("while open: %+v", before)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := e.Stats()
	m := s.Modules[0]
	if m.Name != "asm" || m.Kind != vigil.PolicyModule || m.Samples != 12 || m.Calls < 5 || m.Fuel == 0 || m.Time == 0 || m.Pages != 3 || len(m.Traps) != 0 {
		t.Errorf("module %+v", m)
	}
	if m.Asked != 4 || m.AskedFuel == 0 || m.AskedFuel >= m.Fuel || m.AskedTime > m.Time {
		t.Errorf("asked %+v, want the four evaluations and less than all", m)
	}
	if s.Memory != 0 || m.Instances != 0 {
		t.Errorf("after close %d bytes, %d instances", s.Memory, m.Instances)
	}
}

func TestTallies_ForgetTheIdleNotTheQuarantined(t *testing.T) {
	t.Parallel()
	e := newEngine(t, Options{})
	bad := e.tallyOf("bad", vigil.Manifest{Name: "bad"})
	bad.trap("guest_trap", time.Now(), 1)
	for n := range maxTallies + 10 {
		e.tallyOf(string(rune('a'+n)), vigil.Manifest{Name: "idle"})
	}
	if len(e.tallies) > maxTallies || e.tallies["bad"] != bad {
		t.Errorf("%d tallies, the bad one: %v", len(e.tallies), e.tallies["bad"])
	}
}
