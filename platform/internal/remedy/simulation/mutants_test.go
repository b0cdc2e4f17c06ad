package simulation_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is Step with something taken out, and the invariant that must break.
type mutant struct {
	breaks string
	file   string // below platform/internal
	old    string // stands there exactly once
	new    string
}

func mutants() []mutant {
	const rules, lease, tick, verify = "guard/rules.go", "remedy/lease.go", "remedy/tick.go", "remedy/verify.go"
	return []mutant{
		{onePerTarget, rules, "if r.Busy == nil {", "if true {"},
		{fenceGrows, lease, "m.Fence++; fence = m.Fence", "fence = max(m.Fence, 1)"},
		{startedOnce, tick, "again = d.onceMore(r)", "again = true"},
		{startedOnce, lease, "a.Previous = string(vigil.Unknown)", ""},
		{intentFirst, lease, "\td.save(&r)\n}\n\n// Beat says", "}\n\n// Beat says"},
		{noLostEnd, tick, "return d.vanished(r) || d.pastDeadline(r)", "return false"},
		{noLostEnd, tick, "case vigil.Verifying:\n\t\td.conclude(r)", ""},
		{budgetHolds, rules, "if r.Manual || budget.N == 0 {", "if true {"},
		{brakeHolds, rules, "if !r.KillSwitch.Engaged {", "if true {"},
		{warmUp, rules, "if now.Before(ends) {", "if false {"},
		{pauseHolds, "guard/brakes.go", "if len(cover) == 0 {", "if true {"},
		{pauseHolds, "remedy/tick.go", "d.stretchPauses(e.Ahead)", ""},
		{windowHolds, "guard/brakes.go", "if !ok {", "if !ok || true {"},
		{warmUp, tick, "\td.started = d.now\n", ""},
		{freshPlan, rules, "if r.Manual || r.Firing {", "if true {"},
		{freshPlan, rules, "if r.Revision != r.Current {", "if false {"},
		{freshPlan, rules, "r.Lookback > 0 && age > r.Lookback", "false"},
		{freshPlan, "remedy/plan.go", "return ok || r.Origin != vigil.FromPolicy", "return ok || true"},
		{freshProof, verify, "case v.ClearAt.IsZero() && settled:", "case v.ClearAt.IsZero():"},
		{freshProof, verify, "case ev.bad:", "case false:"},
		{askedFirst, "remedy/plan.go", "if d.mode(f.Policy) == vigil.Suggest {", "if false {"},
		{inTime, rules, "if r.AskedAt.IsZero() || age <= limit.D() {", "if true {"},
		{inTime, "remedy/people.go", "if e.Version != 0 && e.Version != r.Version {", "if false {"},
		{shadowOnly, rules, "if r.Manual || r.Mode == vigil.Auto || r.Mode == vigil.Suggest {", "if true {"},
		{machineHolds, "remedy/people.go", "vigil.Leased, vigil.Running, vigil.Unknown)", "vigil.Leased, vigil.Running, vigil.Verifying, vigil.Unknown)"},
		{groupCap, "guard/fleet.go", "!ok || r.Treated < most && r.Treated+r.Waiting < 2*most", "!ok || true"},
		{groupCap, "remedy/group.go", "case vigil.Leased, vigil.Running, vigil.Verifying:\n\t\treturn true", "case vigil.Leased:\n\t\treturn true"},
		{stormStop, "guard/fleet.go", "case r.Manual:", "case true:"},
		{mayFinish, "remedy/signal.go", "case r.State == vigil.Running && r.Runbook[r.Step].CancelOnResolve:", "case r.State == vigil.Running:"},
		{noHaste, verify, "early > 0 && ", ""},
		{noHaste, verify, "if v.BadAt.IsZero() && settled {", "if v.BadAt.IsZero() {"},
		{handedOff, "remedy/finish.go", "\t\tif !stop {\n\t\t\td.handOff(r, message)\n\t\t}\n", ""},
		{handedOff, "remedy/draft.go", "\t\tr.HandOff = nil // it goes on by itself after all\n", ""},
		{takenBack, "remedy/finish.go", "\t\tif !stop {\n\t\t\td.compensate(*r)\n\t\t}\n", ""},
		{freeUndo, "remedy/memory.go", "r.Policy == b.Policy && r.Origin == vigil.FromPolicy && (", "r.Policy == b.Policy && ("},
		{onRecord, "remedy/draft.go", "To: string(to), Message: message", "To: string(from), Message: message"},
		{versions, "remedy/draft.go", "\t\tr.Version++\n", ""},
	}
}

// TestMutants_AreNoticed has the histories find each guard that is taken out: an
// invariant that nothing can break shows nothing.
func TestMutants_AreNoticed(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		t.Run(strings.ReplaceAll(m.breaks, " ", "_"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", m.overlay(t), "-run", "TestStep_", ".")
			cmd.Env = append(os.Environ(), "VIGIL_HISTORIES=600", "VIGIL_SEED=")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), m.breaks+": ") {
				t.Errorf("%s without %q: %v, want %q broken\n%s", m.file, m.old, err, m.breaks, out)
			}
		})
	}
}

// overlay lays the mutant's file over the real one, for the go command.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%q stands %d times in %s, want once", m.old, n, m.file)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "mutant.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
