package remedy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A remediation carries its runbook as it was filled in when it was planned.
func TestPlan_FillsParametersFromTheSeriesThatFires(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	p := cpuHigh()
	p.Runbook[0].With = []byte(`{"disk":"{{device}}","where":"{{target.name}} on {{target.host}}","why":"{{policy}} at {{value}}"}`)
	fire := w.firing(p)
	fire.Series.Labels = vigil.Labels{"device": "$(reboot) --root=/"}
	w.must(w.Fired(t.Context(), fire))
	want := `{"disk":"$(reboot) --root=/","where":"backend on host-1","why":"cpu-high at 0.95"}`
	if got := string(w.led.newest(t, 0).Runbook[0].With); got != want {
		t.Errorf("planned with %s, want %s", got, want)
	}
	if l := w.lease(); string(l.With) != want {
		t.Errorf("leased with %s, want %s", l.With, want)
	}
}

// What cannot be filled in is held and recorded; nothing runs. It goes on with a
// sample that can be.
func TestPlan_HoldsWhatItCannotFillIn(t *testing.T) {
	t.Parallel()
	f := func(name string, labels vigil.Labels, why string) {
		t.Helper()
		w := newWard(t)
		p := cpuHigh()
		p.Runbook = append(p.Runbook, vigil.Step{Action: "restart-service", With: []byte(`{"disk":"{{device}}"}`)})
		for range 3 {
			w.pass(time.Second)
			fire := w.firing(p)
			fire.Series.Labels = labels
			w.must(w.Fired(t.Context(), fire))
		}
		if len(w.led.rows) != 0 || w.Held()[vigil.BlockScope] != 1 || w.led.verbs("remediation.held") != 1 {
			t.Errorf("%s: %d rows, held %v", name, len(w.led.rows), w.Held())
			return
		}
		rec := w.led.audit[len(w.led.audit)-1]
		if rec.To != "target_out_of_scope" || !strings.Contains(rec.Message, why) {
			t.Errorf("%s: recorded %s: %s, want %s", name, rec.To, rec.Message, why)
		}
		w.pass(time.Second)
		fire := w.firing(p)
		fire.Series.Labels = vigil.Labels{"device": "sda"}
		w.must(w.Fired(t.Context(), fire))
		if r := w.led.newest(t, 0); string(r.Runbook[1].With) != `{"disk":"sda"}` {
			t.Errorf("%s: planned with %s", name, r.Runbook[1].With)
		}
	}
	f("no label", nil, "with.disk: {{device}} is empty or not there")
	f("two lines", vigil.Labels{"device": "sda\n/dev/sdb"}, "has a control character in it")
	f("too long", vigil.Labels{"device": strings.Repeat("a", 300)}, "has 300 bytes, the limit is 256")
}

// What a policy wanted to speak of beyond its scope is recorded under its name,
// and nothing else becomes of it.
func TestStrayed_IsRecordedAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.must(w.Strayed(t.Context(), flow.Stray{Policy: "cpu-high", Why: "decision 0 is about series 7 of 1"}))
	rec := w.led.audit[len(w.led.audit)-1]
	if rec.Object != "cpu-high" || rec.To != "target_out_of_scope" || rec.Verb != "remediation.held" || rec.Message != "decision 0 is about series 7 of 1" {
		t.Errorf("recorded %+v", rec)
	}
	if len(w.led.rows) != 0 || w.lease() != nil {
		t.Errorf("%d remediations came of it", len(w.led.rows))
	}
}
