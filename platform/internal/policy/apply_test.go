package policy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestApply_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	f := func(code string, change func(p *vigil.Policy)) {
		t.Helper()
		p := cpuHigh()
		change(&p)
		if _, _, err := w.Apply(t.Context(), "local", p); vigil.CodeOf(err) != code {
			t.Errorf("Apply = %v, want %s", err, code)
		}
		if len(w.rows) != 0 || len(w.audit) != 0 {
			t.Fatalf("%s was stored", code)
		}
	}
	f("policy_invalid", func(p *vigil.Policy) { p.Select.Selector = "" })
	f("selector_invalid", func(p *vigil.Policy) { p.Select.Selector = "{" })
	f("selector_invalid", func(p *vigil.Policy) { p.Select.Selector, p.Mode = "{", vigil.Disabled })
	f("module_not_found", func(p *vigil.Policy) { p.Module = "nosuch" })
	f("policy_invalid", func(p *vigil.Policy) { p.Module = "restart-service" })
	f("module_not_found", func(p *vigil.Policy) { p.Runbook[0].Action = "nosuch" })
	f("capability_missing", func(p *vigil.Policy) { p.Runbook = append(p.Runbook, vigil.Step{Action: "reboot"}) })
	f("policy_invalid", func(p *vigil.Policy) { p.Runbook[0].Action = "threshold" })
	f("settings_invalid", func(p *vigil.Policy) { p.Settings = nil })
	w.broken = errors.New("disk full")
	f("internal", func(*vigil.Policy) {})
}

// TestApply_AsksTheSchemasFirst shows that no guest is opened for what a schema
// does not allow, and that the field is named from the document's root.
func TestApply_AsksTheSchemasFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	f := func(field string, change func(p *vigil.Policy)) {
		t.Helper()
		p := cpuHigh()
		change(&p)
		_, _, err := w.Apply(t.Context(), "local", p)
		if e := vigil.AsError(err); e.Code != "settings_invalid" || e.Fields["field"] != field || e.Hint == "" || w.opened != 0 {
			t.Errorf("Apply = %v at %v with %d guests opened, want the field %s", err, e.Fields["field"], w.opened, field)
		}
	}
	f("abvoe", func(p *vigil.Policy) { p.Settings = []byte(`{"abvoe":1}`) })
	f("runbook[0].with.gently", func(p *vigil.Policy) { p.Runbook[0].With = []byte(`{"gently":true}`) })
}

func TestApply_KeepsRevisionsAndRecordsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	f := func(want flow.Applied, revision int64, audits int, settings string) {
		t.Helper()
		p := cpuHigh()
		p.Settings = []byte(settings)
		row, did, err := w.Apply(t.Context(), "local", p)
		if err != nil || did != want || row.Revision != revision || len(w.audit) != audits {
			t.Errorf("Apply(%s) = revision %d, %s, %d audit records, %v", settings, row.Revision, did, len(w.audit), err)
		}
	}
	f(flow.Created, 1, 1, `{"above": 0.8}`)
	f(flow.Unchanged, 1, 1, `{"above":0.8}`) // the same
	f(flow.Changed, 2, 2, `{"above": 0.9}`)
	if rec := w.audit[1]; rec.Verb != "policy.applied" || rec.From != "1" || rec.To != "2" || rec.By != "local" || len(rec.Detail) == 0 {
		t.Errorf("audit = %+v", rec)
	}
	w.open(1)
	if row, err := w.Get(t.Context(), "cpu-high"); err != nil || row.Revision != 2 {
		t.Errorf("after a restart Get = revision %d, %v", row.Revision, err)
	}
}

func TestGet_NamesTheKnownAndTheNearest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	_, err := w.Get(t.Context(), "cpu-hihg")
	e := vigil.AsError(err)
	if e.Kind != vigil.NotFound || e.Msg != `no policy "cpu-hihg"; have: cpu-high` || e.Hint != "did you mean cpu-high? See vigil policy ls" {
		t.Errorf("Get = %+v", e)
	}
	if err := w.Delete(t.Context(), "local", "memory"); vigil.CodeOf(err) != "policy_not_found" || vigil.AsError(err).Hint != "vigil policy ls" {
		t.Errorf("Delete = %+v", err)
	}
	if rows, err := w.List(t.Context()); err != nil || len(rows) != 1 {
		t.Errorf("List = %v, %v", rows, err)
	}
}

func TestApply_ChangesOfJudgementEndEpisodes(t *testing.T) {
	t.Parallel()
	f := func(name, want string, change func(p *vigil.Policy)) {
		t.Helper()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.95)
		w.takeTold()
		w.apply(change)
		if got := w.takeTold(); got != want {
			t.Errorf("%s: the healer heard %q, want %q", name, got, want)
		}
	}
	f("guards", "fired service:backend", func(p *vigil.Policy) { p.Guards.Cooldown = 0 })
	f("mode", "fired service:backend", func(p *vigil.Policy) { p.Mode = vigil.Shadow })
	f("settings", "cleared service:backend", func(p *vigil.Policy) { p.Settings = []byte(`{"above":0.99}`) })
	f("target", "cleared service:backend", func(p *vigil.Policy) { p.Target = "service:web" })
	f("disabled", "cleared service:backend", func(p *vigil.Policy) { p.Mode = vigil.Disabled })
}

func TestApply_NewSettingsJudgeTheNextSample(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.7)
	w.apply(func(p *vigil.Policy) { p.Settings = []byte(`{"above":0.5}`) })
	w.pass(time.Second)
	w.send(0.7)
	if got := w.takeTold(); got != "fired service:backend" {
		t.Errorf("the healer heard %q", got)
	}
}

func TestApply_TellsTheHealerOfTheNewRevisionBeforeItAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(2)
	w.apply(nil)
	w.send(0.95)
	if err := w.Step(t.Context(), 1, w.clock()); err != nil {
		t.Fatal(err)
	}
	w.apply(func(p *vigil.Policy) { p.Mode = vigil.Shadow })
	if f := w.firings[len(w.firings)-1]; f.Policy.Mode != vigil.Shadow || f.Policy.Revision != 2 || len(w.order) != 1 {
		t.Errorf("the healer last heard of mode %s, revision %d, %d episodes", f.Policy.Mode, f.Policy.Revision, len(w.order))
	}
}

func TestDelete_EndsEpisodesAndJudgesNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.95)
	w.takeTold()
	if err := w.Delete(t.Context(), "local", "cpu-high"); err != nil {
		t.Fatal(err)
	}
	if got := w.takeTold(); got != "cleared service:backend" {
		t.Errorf("the healer heard %q", got)
	}
	w.pass(time.Second)
	asks := w.asks
	w.send(0.95)
	if got := w.takeTold(); got != "" || w.asks != asks {
		t.Errorf("after Delete the healer heard %q, the guest was asked %d times", got, w.asks-asks)
	}
	if rec := w.audit[len(w.audit)-1]; rec.Verb != "policy.deleted" || rec.Object != "cpu-high" {
		t.Errorf("audit = %+v", rec)
	}
}

func TestOpen_EndsEpisodesOfPoliciesThatAreGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.95)
	w.takeTold()
	delete(w.rows, "cpu-high")
	w.open(1)
	w.step()
	if got := w.takeTold(); got != "cleared service:backend" {
		t.Errorf("the healer heard %q", got)
	}
	if open, _ := w.OpenEpisodes(t.Context()); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
}
