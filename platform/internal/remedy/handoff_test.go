package remedy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// After the last step a person goes on. That is one record, in the same change as
// the end, and it is there after a restart.
func TestHandOff_SaysWhoGaveUpWhyAndWhatWasTried(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook = append(p.Runbook, p.Runbook[0])
	w.fire(p)
	l := w.begin()
	w.must(w.Finish(t.Context(), w.report(l, false)))
	if r := w.want(l.Remediation, vigil.Planned); r.HandOff != nil {
		t.Errorf("handed off before the last step: %+v", r.HandOff)
	}
	w.run()
	for range 3 {
		w.pass(4 * time.Second)
		w.judge(p, vigil.VerdictFire)
	}
	w.reopen()
	h := w.want(l.Remediation, vigil.Failed).HandOff
	if h == nil {
		t.Fatal("nobody was told to go on")
	}
	tried := []string{
		"restart-service (step 1 of 2): it did not come up",
		"restart-service (step 2 of 2): it ended well and the target stayed bad",
	}
	if h.By != "policy:cpu-high" || h.Why != "still bad at 0.5 after the action" || strings.Join(h.Tried, "\n") != strings.Join(tried, "\n") {
		t.Errorf("hand-off = %+v", h)
	}
	if w.led.verbs("remediation.handed_off") != 1 {
		t.Errorf("recorded %d times, want once", w.led.verbs("remediation.handed_off"))
	}
}

func TestHandOff_IsForWhatAPolicyCannotEndItself(t *testing.T) {
	t.Parallel()
	f := func(name string, want bool, how func(w *ward) (id string)) {
		t.Helper()
		w := newWard(t)
		r, err := w.Remediation(t.Context(), how(w))
		w.must(err)
		if got := r.HandOff != nil; got != want || w.led.verbs("remediation.handed_off") != bit(want) {
			t.Errorf("%s: %s, handed off: %t, want %t", name, r.State, got, want)
		}
	}
	f("healed", false, func(w *ward) string {
		w.fire(cpuHigh())
		l := w.run()
		w.pass(3 * time.Second)
		w.judge(cpuHigh(), vigil.VerdictOK)
		w.pass(2 * time.Second)
		w.judge(cpuHigh(), vigil.VerdictOK)
		return l.Remediation
	})
	f("a person stopped it", false, func(w *ward) string {
		w.fire(cpuHigh())
		l := w.begin()
		w.must(w.Cancel(t.Context(), l.Remediation, "ann"))
		w.must(w.Finish(t.Context(), w.report(l, false)))
		return l.Remediation
	})
	f("its executor vanished", true, func(w *ward) string {
		p := cpuHigh()
		p.Runbook[0].Action = "careful"
		w.fire(p)
		l := w.begin()
		w.pass(time.Minute)
		return l.Remediation
	})
	f("a person asked for it", false, func(w *ward) string {
		w.restart("backend")
		r := w.led.newest(t, 0)
		w.pass(time.Minute)
		return r.ID
	})
}
