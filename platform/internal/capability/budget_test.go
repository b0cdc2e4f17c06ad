package capability

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func budgeted(id string, n int) vigil.Grant {
	return vigil.Grant{ID: id, Budget: vigil.Rate{N: n, Per: vigil.Duration(time.Hour)}}
}

func TestBudgets_CountOverRestartsAndFreeUsesWithTime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "budgets")
	now := time.Unix(10_000, 0)
	f := func(at time.Time, onlyLook bool, code string) {
		t.Helper()
		b := &budgets{dir: dir} // as after a restart
		if err := b.spend([]vigil.Grant{budgeted("g-1", 2)}, at, onlyLook); vigil.CodeOf(err) != code {
			t.Errorf("at +%s: %v, want code %q", at.Sub(now), err, code)
		}
	}
	f(now, true, "")
	f(now, false, "")
	f(now.Add(time.Minute), false, "")
	f(now.Add(59*time.Minute), true, "budget_exhausted")
	f(now.Add(59*time.Minute), false, "budget_exhausted")
	f(now.Add(time.Hour), true, "") // the first use no longer counts, and looking uses nothing
	f(now.Add(time.Hour), false, "")
	f(now.Add(time.Hour), false, "budget_exhausted")
	f(now.Add(time.Hour+time.Minute), false, "")
}

func TestBudgets_SayWhenTheNextUseIsFree(t *testing.T) {
	t.Parallel()
	b := &budgets{dir: t.TempDir()}
	now := time.Unix(10_000, 0)
	if err := b.spend([]vigil.Grant{budgeted("g-1", 1)}, now, false); err != nil {
		t.Fatal(err)
	}
	err := b.spend([]vigil.Grant{budgeted("g-1", 1)}, now.Add(time.Minute), false)
	e := vigil.AsError(err)
	if at, ok := e.Fields["retry_at"].(time.Time); !ok || !at.Equal(now.Add(time.Hour)) || e.Kind != vigil.Held || e.Hint == "" {
		t.Errorf("error %+v, want to be told %s", e, now.Add(time.Hour))
	}
}

func TestBudgets_TakeFromTheGrantThatHasSomethingLeft(t *testing.T) {
	t.Parallel()
	b := &budgets{dir: t.TempDir()}
	now := time.Unix(10_000, 0)
	both := []vigil.Grant{budgeted("g-1", 1), budgeted("../../g-2", 1)}
	for _, want := range []string{"", "", "budget_exhausted"} {
		if err := b.spend(both, now, false); vigil.CodeOf(err) != want {
			t.Errorf("spend = %v, want code %q", err, want)
		}
	}
	if err := b.spend(append(both, vigil.Grant{ID: "g-3"}), now, false); err != nil {
		t.Errorf("a grant without a budget: %v", err)
	}
	if err := b.spend(nil, now, false); vigil.CodeOf(err) != "capability_denied" {
		t.Errorf("no grant: %v", err)
	}
	if files, _ := os.ReadDir(b.dir); len(files) != 2 {
		t.Errorf("%d files, want one for each budget and none elsewhere", len(files))
	}
}

func TestBudgets_AreNotRenewedByAnUpgrade(t *testing.T) {
	t.Parallel()
	b := &budgets{dir: t.TempDir()}
	now := time.Unix(10_000, 0)
	heir := budgeted("g-2", 1)
	heir.Origin = "g-1"
	if err := b.spend([]vigil.Grant{budgeted("g-1", 1)}, now, false); err != nil {
		t.Fatal(err)
	}
	if err := b.spend([]vigil.Grant{heir}, now, false); vigil.CodeOf(err) != "budget_exhausted" {
		t.Errorf("the grant that was carried over: %v", err)
	}
}

func TestBudgets_SurviveAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	b := &budgets{dir: t.TempDir()}
	now := time.Unix(10_000, 0)
	one := []vigil.Grant{budgeted("g-1", 1)}
	if err := b.spend(one, now.AddDate(20, 0, 0), false); err != nil {
		t.Fatal(err)
	}
	if err := b.spend(one, now, false); vigil.CodeOf(err) != "budget_exhausted" {
		t.Errorf("right after: %v", err)
	}
	if err := b.spend(one, now.Add(59*time.Minute), false); vigil.CodeOf(err) != "budget_exhausted" {
		t.Errorf("within the hour: %v", err)
	}
	if err := b.spend(one, now.Add(time.Hour), false); err != nil {
		t.Errorf("an hour later: %v, want the use from the future to have run out", err)
	}
}

func TestBudgets_DoNothingThatCannotBeCounted(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	b := &budgets{dir: t.TempDir()}
	one := []vigil.Grant{budgeted("g-1", 1)}
	if err := os.WriteFile(b.path("g-1"), []byte(`{"at":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.spend(one, now, false); vigil.CodeOf(err) != "state_corrupt" {
		t.Errorf("an unreadable count: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&budgets{dir: file}).spend(one, now, false); err == nil {
		t.Error("a use was granted that could not be written down")
	}
}

func TestSession_SpendsTheBudgetForEffectsOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.session.lease.Grants = []vigil.Grant{
		{ID: "g-1", Capability: "service.restart", Target: "service:web", Budget: vigil.Rate{N: 1, Per: vigil.Duration(time.Hour)}},
		{ID: "g-2", Capability: "service.status", Target: "service:web", Budget: vigil.Rate{N: 1, Per: vigil.Duration(time.Hour)}},
	}
	f := func(what, op, req, code string) {
		t.Helper()
		if reply := b.call(t, op, req); reply.Code != code {
			t.Errorf("%s: reply = %+v, want code %q", what, reply, code)
		}
	}
	f("looking", "service.status", `{"service":"web"}`, "")
	f("looking again", "service.status", `{"service":"web"}`, "")
	f("a dry run", "service.restart", `{"service":"web","dry_run":true}`, "")
	b.lost = vigil.Errorf(vigil.Timeout, "lease_lost", "gone")
	f("a lost lease", "service.restart", `{"service":"web"}`, "lease_lost")
	b.lost = nil
	f("the one use", "service.restart", `{"service":"web"}`, "")
	st, err := b.services.Status("web")
	if err != nil {
		t.Fatal(err)
	}
	f("one use too many", "service.restart", `{"service":"web"}`, "budget_exhausted")
	f("a dry run of it", "service.restart", `{"service":"web","dry_run":true}`, "budget_exhausted")
	if now, err := b.services.Status("web"); err != nil || now.PID != st.PID {
		t.Errorf("status = %+v, %v, want process %d untouched", now, err, st.PID)
	}
	if calls := b.session.Calls(); calls[len(calls)-1].Code != "budget_exhausted" {
		t.Errorf("transcript ends in %+v", calls[len(calls)-1])
	}
}
