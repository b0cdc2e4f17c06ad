package sqlite_test

import (
	"database/sql"
	"encoding/hex"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestAudit_ChainGoesOnAfterReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	first := open(t, path)
	zoned := record("policy.put", "cpu-high")
	zoned.At = noon().In(time.FixedZone("", 7200))
	zoned.Detail = []byte(`{"b": 1,  "a":2}`)
	must(t, first.AppendAudit(t.Context(), zoned))
	must(t, first.AppendAudit(t.Context(), vigil.AuditRecord{By: "local", Verb: "x", Object: "y"}))
	closeDB(t, first)
	db := open(t, path)
	must(t, db.AppendAudit(t.Context(), record("policy.delete", "cpu-high")))

	recs, err := db.Audit(t.Context(), 0, 100)
	must(t, err)
	var prev []byte
	for i, r := range recs {
		plain := r
		plain.Alg, plain.Chain = "", ""
		prev = link(prev, plain)
		if got := hex.EncodeToString(prev); got != r.Chain || r.Seq != int64(i+1) {
			t.Errorf("record %d: seq %d chain %.8s, want seq %d chain %.8s", i, r.Seq, r.Chain, i+1, got)
		}
	}
	if len(recs) != 3 || !recs[1].At.Equal(noon()) || string(recs[0].Detail) != `{"b": 1,  "a":2}` {
		t.Errorf("records = %+v", recs)
	}
	mine, err := db.AuditFor(t.Context(), "cpu-high")
	must(t, err)
	if len(mine) != 2 || mine[0].Verb != "policy.put" {
		t.Errorf("AuditFor = %+v", mine)
	}
	later, err := db.Audit(t.Context(), 2, 100)
	must(t, err)
	if len(later) != 1 || later[0].Seq != 3 {
		t.Errorf("Audit after 2 = %+v", later)
	}
}

func TestApply_OneOpenRemediationPerTarget(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	apply := func(rs ...vigil.Remediation) error {
		return db.Apply(t.Context(), flow.Change{Remediations: rs, Audit: []vigil.AuditRecord{record("remediation.planned", rs[0].ID)}})
	}
	must(t, apply(remediation("rem-1", "service:web", vigil.Planned, 1)))
	wantCode(t, apply(remediation("rem-2", "service:web", vigil.Planned, 1)), "target_busy")
	must(t, apply(remediation("rem-3", "service:backend", vigil.Planned, 1)))
	// One change may end the first and open the second, in any order.
	must(t, apply(remediation("rem-2", "service:web", vigil.Planned, 1), remediation("rem-1", "service:web", vigil.Cancelled, 2)))

	recs, err := db.Audit(t.Context(), 0, 100)
	must(t, err)
	if len(recs) != 3 || recs[2].Seq != 3 {
		t.Errorf("a refused change left a record or a gap: %+v", recs)
	}
}

func TestApply_RefusesAStaleVersion(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	put := func(state vigil.State, version int64) error {
		return db.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{remediation("rem-1", "service:web", state, version)}})
	}
	must(t, put(vigil.Planned, 1))
	wantCode(t, put(vigil.Planned, 1), "version_conflict")
	wantCode(t, put(vigil.Leased, 3), "version_conflict")
	must(t, put(vigil.Leased, 2))
	wantCode(t, put(vigil.Running, 2), "version_conflict")
	got, err := db.Remediation(t.Context(), "rem-1")
	must(t, err)
	if got.State != vigil.Leased || got.Version != 2 {
		t.Errorf("stored = %s v%d, want leased v2", got.State, got.Version)
	}
	_, err = db.Remediation(t.Context(), "rem-9")
	wantCode(t, err, "remediation_not_found")
}

func TestApply_WholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	web := vigil.Target{Kind: "service", Name: "web"}
	must(t, db.Apply(t.Context(), flow.Change{Targets: []flow.TargetMemory{{Target: web, Fence: 7, Updated: noon()}}}))
	err := db.Apply(t.Context(), flow.Change{
		Remediations: []vigil.Remediation{remediation("rem-1", "service:web", vigil.Planned, 1)},
		Targets:      []flow.TargetMemory{{Target: web, Fence: 6, Updated: noon()}},
		KillSwitch:   &flow.KillSwitch{Engaged: true},
		Brakes:       flow.Brakes{Pauses: []vigil.Pause{{ID: "pause-1"}}},
		Audit:        []vigil.AuditRecord{record("remediation.planned", "rem-1")},
		Notices:      []vigil.Notification{{Channel: "ops", Verb: vigil.Trigger, Key: "rem-1", At: noon()}},
	})
	wantCode(t, err, "fence_stale")
	got, err := db.LoadTreatment(t.Context())
	must(t, err)
	recs, err := db.Audit(t.Context(), 0, 10)
	must(t, err)
	told, err := db.Notifications(t.Context(), flow.NotificationFilter{})
	must(t, err)
	if len(told) != 0 || len(got.Open) != 0 || got.KillSwitch.Engaged || len(got.Pauses) != 0 || len(recs) != 0 || got.Targets[0].Fence != 7 {
		t.Errorf("half a change was stored: %+v %+v", got, recs)
	}
}

func TestLoadTreatment_SurvivesReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	r := remediation("rem-1", "service:web@host-1", vigil.Verifying, 1)
	r.Value = math.Inf(1)
	r.Verification = vigil.Verification{After: noon(), Value: math.NaN(), WantPID: 12}
	r.Attempts = []vigil.Attempt{{N: 1, Action: "restart-service", LeasedAt: noon(), OK: true, Calls: []vigil.HostCall{{Op: "service.restart", Took: 5}}}}
	want := flow.Treatment{
		Open: []vigil.Remediation{r},
		Targets: []flow.TargetMemory{{
			Target: r.Target, Fence: 3, Deeds: []time.Time{noon()}, Updated: noon(), Failures: 2, FailedAt: noon(),
			Unhelpful: map[string]flow.Unhelpful{"cpu-high": {N: 1, Limit: 3, At: noon()}}, Mark: vigil.Mark{Protected: true, By: "ann", At: noon()},
		}},
		Guards: []flow.GuardMemory{
			{
				Of: "group:env=prod", Storm: vigil.DefaultPolicy().Guards.Storm,
				Trip: &vigil.Breaker{Policy: "cpu-high", Group: "env=prod", State: vigil.BreakerHalfOpen, Why: vigil.WhyStorm, At: noon(), CalmAt: noon()},
			},
			{Of: "policy:cpu-high", FullAt: noon(), Failed: []flow.FailedAction{{Action: "restart-service", Target: r.Target, At: noon()}}},
		},
		KillSwitch: flow.KillSwitch{Engaged: true, By: "ann", At: noon()},
		Pauses:     []vigil.Pause{{ID: "pause-1", Holder: "ann", By: "local", Reason: "r", Scope: vigil.Scope{Target: "host:db-2"}, At: noon(), Expires: noon()}},
		Windows:    []vigil.Window{{Name: "weekly", By: "local", Cron: "0 2 * * SUN", Duration: 5, TZ: "Europe/Berlin", At: noon()}},
	}
	must(t, db.Apply(t.Context(), flow.Change{
		Remediations: []vigil.Remediation{r, remediation("rem-0", "service:web", vigil.Healed, 1)},
		Targets:      want.Targets, Guards: append(want.Guards, flow.GuardMemory{Of: "tenant", FullAt: noon()}), KillSwitch: &want.KillSwitch,
		Brakes: flow.Brakes{
			Pauses:  append(want.Pauses, vigil.Pause{ID: "pause-0", Reason: "lifted"}),
			Windows: append(want.Windows, vigil.Window{Name: "gone"}),
		},
	}))
	must(t, db.Apply(t.Context(), flow.Change{
		Guards: []flow.GuardMemory{{Of: "tenant"}}, // forgotten
		Brakes: flow.Brakes{Lifted: []string{"pause-0"}, Removed: []string{"gone"}},
	}))
	closeDB(t, db)
	got, err := open(t, path).LoadTreatment(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("treatment (-want +got):\n%s", diff)
	}
}

func TestRemediations_Filter(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	must(t, db.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{
		remediation("rem-1", "service:web@host-1", vigil.Healed, 1),
		remediation("rem-2", "service:web-2", vigil.Failed, 1),
		remediation("rem-3", "service:web", vigil.Failed, 1),
	}}))
	f := func(filter flow.RemediationFilter, want ...string) {
		t.Helper()
		rs, err := db.Remediations(t.Context(), filter)
		must(t, err)
		got := []string{}
		for _, r := range rs {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", filter, diff)
		}
	}
	f(flow.RemediationFilter{}, "rem-3", "rem-2", "rem-1")
	f(flow.RemediationFilter{Limit: 1}, "rem-3")
	f(flow.RemediationFilter{State: vigil.Failed}, "rem-3", "rem-2")
	f(flow.RemediationFilter{Target: "service:web"}, "rem-3", "rem-1")
	f(flow.RemediationFilter{Target: "service:web' OR 1=1 --"})
	f(flow.RemediationFilter{Policy: "other"})
}

func TestSeedActions_ShowAttemptsAndPostedOnes(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	r := remediation("rem-1", "service:web", vigil.Planned, 1)
	must(t, db.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{r}}))
	rows, err := db.SeedActions(t.Context(), 0)
	must(t, err)
	if len(rows) != 1 || rows[0].ID != "rem-1" || rows[0].Status != "pending" || rows[0].Action != "restart-service" {
		t.Fatalf("planned shows as %+v", rows)
	}
	r.State, r.Version = vigil.Healed, 2
	r.Attempts = []vigil.Attempt{
		{N: 1, Action: "reload", StartedAt: noon().Add(time.Second), Message: "no effect"},
		{N: 2, Action: "restart-service", StartedAt: noon().Add(2 * time.Second), OK: true},
	}
	must(t, db.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{r}}))
	posted := flow.SeedAction{ID: "act-1", Target: "db", Action: "vacuum", Status: "completed", Details: "by hand", StartedAt: noon().Add(3 * time.Second)}
	must(t, db.PutSeedAction(t.Context(), posted, record("action.posted", "act-1")))

	rows, err = db.SeedActions(t.Context(), 10)
	must(t, err)
	at := func(s int) time.Time { return noon().Add(time.Duration(s) * time.Second).Truncate(time.Millisecond) }
	posted.StartedAt = at(3)
	want := []flow.SeedAction{
		posted,
		{ID: "rem-1/2", Target: "service:web", Action: "restart-service", Status: "completed", Details: r.Reason, StartedAt: at(2)},
		{ID: "rem-1", Target: "service:web", Action: "reload", Status: "failed", Details: r.Reason + ": no effect", StartedAt: at(1)},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}

func TestEpisodesAndDecisions_KeepWhatIsNotFinite(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	ep := vigil.Episode{ID: "ep-1", Policy: "cpu-high", Target: vigil.Target{Kind: "service", Name: "web"}, State: vigil.EpisodeFiring, Since: noon(), LastAt: noon(), Value: math.Inf(-1)}
	d := vigil.Decision{
		ID: "dec-1", Policy: "cpu-high", Target: ep.Target, Verdict: vigil.VerdictNoData, At: noon(), Received: noon(), Value: math.NaN(),
		Samples: []vigil.Observation{{Time: noon(), Value: math.NaN()}, {Time: noon(), Value: 0.1}},
	}
	must(t, db.SaveEpisodes(t.Context(), []vigil.Episode{ep}, []vigil.Decision{d}))
	opened, err := db.OpenEpisodes(t.Context())
	must(t, err)
	got, err := db.Decision(t.Context(), "dec-1")
	must(t, err)
	if diff := cmp.Diff([]any{[]vigil.Episode{ep}, d}, []any{opened, got}, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	ep.State = vigil.EpisodeResolved
	must(t, db.SaveEpisodes(t.Context(), []vigil.Episode{ep}, nil))
	opened, err = db.OpenEpisodes(t.Context())
	must(t, err)
	all, err := db.Episodes(t.Context(), 5)
	must(t, err)
	if len(opened) != 0 || len(all) != 1 {
		t.Errorf("open %d, all %d; want 0 and 1", len(opened), len(all))
	}
	ds, err := db.Decisions(t.Context(), "other", 5)
	must(t, err)
	if len(ds) != 0 {
		t.Errorf("decisions of another policy = %v", ds)
	}
	_, err = db.Decision(t.Context(), "dec-9")
	wantCode(t, err, "decision_not_found")
}

func TestPolicies_PutAndDelete(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	p := flow.PolicyRow{Policy: vigil.DefaultPolicy(), Digest: "sha256:1", Revision: 1, AppliedAt: noon(), AppliedBy: "ann"}
	p.Name = "cpu-high"
	must(t, db.PutPolicy(t.Context(), p, record("policy.put", p.Name)))
	p.Revision = 2
	must(t, db.PutPolicy(t.Context(), p, record("policy.put", p.Name)))
	rows, err := db.Policies(t.Context())
	must(t, err)
	if diff := cmp.Diff([]flow.PolicyRow{p}, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, db.DeletePolicy(t.Context(), p.Name, record("policy.delete", p.Name)))
	wantCode(t, db.DeletePolicy(t.Context(), p.Name, record("policy.delete", p.Name)), "policy_not_found")
}

func TestModules_KnownDigestChangesNothing(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	m := flow.ModuleRow{Module: vigil.Module{Digest: "sha256:1", Name: "threshold", UploadedAt: noon(), UploadedBy: "ann"}, Wasm: []byte("\x00asm")}
	known, err := db.PutModule(t.Context(), m, record("module.put", m.Digest))
	must(t, err)
	again, err := db.PutModule(t.Context(), m, record("module.put", m.Digest))
	must(t, err)
	recs, err := db.Audit(t.Context(), 0, 10)
	must(t, err)
	if known || !again || len(recs) != 1 {
		t.Errorf("known = %v then %v with %d records, want false, true, 1", known, again, len(recs))
	}
	wasm, err := db.ModuleBytes(t.Context(), "sha256:1")
	must(t, err)
	ms, err := db.Modules(t.Context())
	must(t, err)
	if string(wasm) != "\x00asm" || len(ms) != 1 {
		t.Errorf("bytes %q, modules %v", wasm, ms)
	}
	_, err = db.ModuleBytes(t.Context(), "sha256:2")
	wantCode(t, err, "module_not_found")

	g := vigil.Grant{ID: "grant-1", Digest: "sha256:1", Capability: "service.restart", Target: "service:*", By: "ann", At: noon()}
	must(t, db.PutGrant(t.Context(), g, record("grant.put", g.ID)))
	gs, err := db.Grants(t.Context())
	must(t, err)
	if diff := cmp.Diff([]vigil.Grant{g}, gs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, db.DeleteGrant(t.Context(), g.ID, record("grant.revoked", g.ID)))
	if gs, err := db.Grants(t.Context()); err != nil || len(gs) != 0 {
		t.Errorf("after the revocation: %v, %v", gs, err)
	}
	wantCode(t, db.DeleteGrant(t.Context(), g.ID, record("grant.revoked", g.ID)), "grant_not_found")
	heir := flow.ModuleRow{Module: vigil.Module{Digest: "sha256:3", Name: "heir"}, Grants: []vigil.Grant{{ID: "grant-3", Digest: "sha256:3"}}}
	_, err = db.PutModule(t.Context(), heir, record("module.put", heir.Digest), record("grant.carried_over", heir.Digest))
	must(t, err)
	if gs, err := db.Grants(t.Context()); err != nil || len(gs) != 1 || gs[0].ID != "grant-3" {
		t.Errorf("carried over: %v, %v", gs, err)
	}
	must(t, db.DeleteModule(t.Context(), heir.Digest, record("module.deleted", heir.Digest)))
	if gs, err := db.Grants(t.Context()); err != nil || len(gs) != 0 {
		t.Errorf("after the module: %v, %v", gs, err)
	}
	wantCode(t, db.DeleteModule(t.Context(), heir.Digest), "module_not_found")
	g.ID, g.Digest = "grant-2", "sha256:2"
	wantCode(t, db.PutGrant(t.Context(), g, record("grant.put", g.ID)), "module_not_found")
}

func TestKnown_SurvivesReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	known := func(policy, name string, at time.Time) flow.Known {
		return flow.Known{Policy: policy, Target: vigil.Target{Kind: "service", Name: name}, Group: "env=prod", SeenAt: at}
	}
	must(t, db.SaveKnown(t.Context(), []flow.Known{known("a", "web", noon()), known("a", "db", noon()), known("b", "web", noon())}, nil))
	later := known("a", "web", noon().Add(time.Hour))
	later.Group = "env=dev"
	must(t, db.SaveKnown(t.Context(), []flow.Known{later}, []flow.Known{known("a", "db", noon())}))
	closeDB(t, db)
	got, err := open(t, path).Known(t.Context())
	must(t, err)
	if diff := cmp.Diff([]flow.Known{later, known("b", "web", noon())}, got); diff != "" {
		t.Errorf("known targets (-want +got):\n%s", diff)
	}
}

// A policy from before a guard was known has the guard's default, not none.
func TestPolicies_OlderThanAGuardHaveItsDefault(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vigil.db")
	db := open(t, path)
	must(t, db.PutPolicy(t.Context(), flow.PolicyRow{Policy: vigil.Policy{Name: "old"}, Revision: 1}, record("policy.applied", "old")))
	closeDB(t, db)
	raw, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = raw.ExecContext(t.Context(), `UPDATE policies SET body = '{"name":"old","mode":"auto","guards":{"cooldown":"7s","warmup":"0s","max_age":"1m","budget":"5/1h"},"revision":1}'`)
	must(t, err)
	must(t, raw.Close())
	rows, err := open(t, path).Policies(t.Context())
	must(t, err)
	want := vigil.DefaultPolicy().Guards
	want.Cooldown, want.Warmup, want.MaxAge, want.Budget.N = vigil.Duration(7*time.Second), 0, vigil.Duration(time.Minute), 5
	if diff := cmp.Diff(want, rows[0].Guards); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
}
