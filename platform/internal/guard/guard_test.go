package guard_test

import (
	"slices"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard"
	"github.com/techmedaddy/vigil/platform/internal/guard/brake"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

var start = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// sound is a request that nothing holds.
func sound(now time.Time) guard.Request {
	d := func(v time.Duration) vigil.Duration { return vigil.Duration(v) }
	return guard.Request{
		Mode: vigil.Auto, Started: now.Add(-time.Hour), Firing: true, SampleAt: now, ReceivedAt: now, Lookback: time.Minute,
		Would: "run restart-service on service:web@h",
		Guards: vigil.Guards{
			Cooldown: d(5 * time.Minute), Warmup: d(20 * time.Second), MaxAge: d(10 * time.Minute),
			Budget: vigil.Rate{N: 3, Per: d(time.Hour)},
		},
	}
}

func ago(now time.Time, ds ...time.Duration) (out []time.Time) {
	for _, d := range ds {
		out = append(out, now.Add(-d))
	}
	return out
}

// TestRules_HoldWithNumbers has one case per rule and more for those with
// several causes; each fails when its rule is removed from the list.
func TestRules_HoldWithNumbers(t *testing.T) {
	t.Parallel()
	now := start
	f := func(want vigil.BlockReason, detail string, retry time.Duration, stage guard.Stage, change func(r *guard.Request)) {
		t.Helper()
		r := sound(now)
		change(&r)
		got := guard.Check(guard.For(stage), r, now)
		if got == nil {
			t.Errorf("%s: nothing held it", want)
			return
		}
		if got.Reason != want || got.Detail != detail {
			t.Errorf("%s: held by %s, %q, want %q", want, got.Reason, got.Detail, detail)
		}
		if at := now.Add(retry); retry != 0 && !got.RetryAt.Equal(at) {
			t.Errorf("%s: retry at %s, want %s", want, got.RetryAt, at)
		}
	}
	engaged := func(r *guard.Request) { r.KillSwitch = flow.KillSwitch{Engaged: true, By: "ann", Reason: "incident"} }
	for _, stage := range []guard.Stage{guard.Plan, guard.Wish, guard.Lease, guard.Start} {
		f(vigil.BlockKillSwitch, "ann engaged the kill switch: incident", 0, stage, engaged)
	}
	heldByPeople(t, f, now)
	f(vigil.BlockWarmup, "warm-up of 20s ends in 15s", 15*time.Second, guard.Plan, func(r *guard.Request) { r.Started = now.Add(-5 * time.Second) })
	f(vigil.BlockStale, "decided 11m ago, older than the max_age of 10m", 0, guard.Lease, func(r *guard.Request) { r.PlannedAt = now.Add(-11 * time.Minute) })
	f(vigil.BlockStale, "decided 11m ago, older than the max_age of 10m", 0, guard.Lease, func(r *guard.Request) {
		r.PlannedAt, r.Manual = now.Add(-11*time.Minute), true
	})
	f(vigil.BlockStale, "decided under revision 1 of the policy, which is now at 2", 0, guard.Lease, func(r *guard.Request) { r.Revision, r.Current = 1, 2 })
	f(vigil.BlockStale, "the firing sample is not newer than the last action, which ended 0s ago", 0, guard.Plan, func(r *guard.Request) { r.After = now })
	f(vigil.BlockStale, "the firing sample is not newer than the last action, which ended 2s ago", 0, guard.Plan, func(r *guard.Request) {
		r.After, r.ReceivedAt = now.Add(-2*time.Second), now.Add(-3*time.Second)
	})
	f(vigil.BlockStale, "the firing sample is not newer than the last action, which ended 59s ago", 0, guard.Plan, func(r *guard.Request) {
		r.After, r.Reach = now.Add(-59*time.Second), time.Minute // of a query that looks back as far
	})
	f(vigil.BlockStale, "the firing sample is 1m30s old, older than the lookback of 1m", 0, guard.Plan, func(r *guard.Request) { r.SampleAt = now.Add(-90 * time.Second) })
	f(vigil.BlockResolved, "the newest sample is clear", 0, guard.Plan, func(r *guard.Request) { r.Firing = false })
	f(vigil.BlockUnmanaged, "no remediator has it", 0, guard.Plan, func(r *guard.Request) { r.Unmanaged = "no remediator has it" })
	f(vigil.BlockShadow, "would run restart-service on service:web@h", 0, guard.Plan, func(r *guard.Request) { r.Mode = vigil.Shadow })
	f(vigil.BlockShadow, "would run restart-service on service:web@h", 0, guard.Plan, func(r *guard.Request) { r.Mode = "" })
	f(vigil.BlockShadow, "would run restart-service on service:web@h, but cooldown would hold it: cooldown of 5m ends in 4m", 0, guard.Plan, func(r *guard.Request) {
		r.Mode, r.Deeds = vigil.Shadow, ago(now, time.Minute)
	})
	f(vigil.BlockDuplicate, "rem-1 already treats this", 0, guard.Plan, func(r *guard.Request) {
		r.Busy = &guard.Busy{Remediation: "rem-1", State: vigil.Running, Same: true, SampleAt: now}
	})
	f(vigil.BlockTargetBusy, "rem-1 is verifying there", 0, guard.Plan, func(r *guard.Request) {
		r.Busy = &guard.Busy{Remediation: "rem-1", State: vigil.Verifying, Same: true, SampleAt: now.Add(-time.Second)}
	})
	f(vigil.BlockTargetBusy, "rem-1 may still be running; a person decides", 0, guard.Plan, func(r *guard.Request) {
		r.Busy = &guard.Busy{Remediation: "rem-1", State: vigil.Unknown}
	})
	f(vigil.BlockCooldown, "cooldown of 5m ends in 2m10s", 130*time.Second, guard.Plan, func(r *guard.Request) { r.Deeds = ago(now, 170*time.Second) })
	f(vigil.BlockCooldown, "cooldown of 5m ends in 2m10s", 130*time.Second, guard.Wish, func(r *guard.Request) {
		r.Manual, r.Deeds = true, ago(now, 170*time.Second)
	})
	f(vigil.BlockExhausted, "3 actions in the last 1h use up the budget of 3/1h; the next is free in 10m", 10*time.Minute, guard.Plan, func(r *guard.Request) {
		r.Deeds = ago(now, 2*time.Hour, 50*time.Minute, 40*time.Minute, 30*time.Minute)
	})
	f(vigil.BlockDenied, "no grant", 0, guard.Plan, func(r *guard.Request) { r.Denied = "no grant" })
}

// heldByPeople are the cases of pauses and windows of maintenance.
func heldByPeople(t *testing.T, f func(vigil.BlockReason, string, time.Duration, guard.Stage, func(*guard.Request)), now time.Time) {
	t.Helper()
	web := vigil.Target{Kind: "service", Name: "web", Host: "db-2"}
	pauses := func(ps ...vigil.Pause) func(r *guard.Request) {
		return func(r *guard.Request) { r.Policy, r.Target, r.Brakes = "cpu-high", web, brake.New(ps, nil) }
	}
	windows := func(ws ...vigil.Window) func(r *guard.Request) {
		return func(r *guard.Request) { r.Policy, r.Target, r.Brakes = "cpu-high", web, brake.New(nil, ws) }
	}
	ann := vigil.Pause{ID: "p-1", Holder: "ann", Reason: "moving"}
	short, long, wide := ann, ann, vigil.Pause{ID: "p-2", Holder: "bob", Reason: "change 7", Scope: vigil.Scope{Target: "host:db-2"}, At: now}
	short.Expires, long.Expires = now.Add(time.Minute), now.Add(time.Hour)
	long.Holder, long.ID = "eve", "p-3"
	once := vigil.Window{Name: "backup", From: now.Add(-time.Hour), Until: now.Add(30 * time.Minute), Scope: vigil.Scope{Target: "host:db-*"}}
	weekly := vigil.Window{Name: "weekly", Cron: "0 8 * * THU", Duration: vigil.Duration(2 * time.Hour), Scope: vigil.Scope{Policy: "cpu-high"}}
	for _, stage := range []guard.Stage{guard.Plan, guard.Wish, guard.Lease, guard.Start} {
		f(vigil.BlockPaused, "ann paused everything: moving", 0, stage, pauses(ann))
		f(vigil.BlockMaintained, "maintenance backup of host:db-* ends in 30m", 30*time.Minute, stage, windows(once))
	}
	f(vigil.BlockPaused, "ann paused everything until 2026-01-01T09:01:00Z: moving", time.Minute, guard.Plan, pauses(short))
	f(vigil.BlockPaused, "ann paused everything until 2026-01-01T09:01:00Z: moving (and 1 more)", time.Hour, guard.Plan, pauses(short, long))
	f(vigil.BlockPaused, "bob paused host:db-2: change 7", 0, guard.Plan, pauses(wide))
	f(vigil.BlockPaused, "the pause file of remediator-db-2: storm", 0, guard.Start, func(r *guard.Request) { r.Resting = "the pause file of remediator-db-2: storm" })
	f(vigil.BlockMaintained, "maintenance weekly of policy cpu-high ends in 1h", time.Hour, guard.Plan, windows(weekly))
	f(vigil.BlockMaintained, "maintenance weekly of policy cpu-high ends in 1h", time.Hour, guard.Plan, windows(once, weekly))
	f(vigil.BlockMaintained, "maintenance lost cannot be read and counts as open", 0, guard.Plan, windows(weekly, vigil.Window{Name: "lost"}))
}

func TestPaused_WaitsForAPersonWhenOneOfSeveralDoesNotExpire(t *testing.T) {
	t.Parallel()
	r := sound(start)
	r.Brakes = brake.New([]vigil.Pause{
		{ID: "p-1", Holder: "ann", Reason: "r", Expires: start.Add(time.Hour)}, {ID: "p-2", Holder: "bob", Reason: "r"},
	}, nil)
	if got := guard.Check(guard.For(guard.Plan), r, start); got == nil || !got.RetryAt.IsZero() {
		t.Errorf("Check = %+v, want a hold that no time ends", got)
	}
}

func TestRules_LetASoundRequestPass(t *testing.T) {
	t.Parallel()
	f := func(name string, stage guard.Stage, change func(r *guard.Request)) {
		t.Helper()
		r := sound(start)
		change(&r)
		if got := guard.Check(guard.For(stage), r, start); got != nil {
			t.Errorf("%s: held by %s: %s", name, got.Reason, got.Detail)
		}
	}
	f("as it is", guard.Plan, func(*guard.Request) {})
	f("mode suggest", guard.Plan, func(r *guard.Request) { r.Mode = vigil.Suggest })
	f("warm-up just over", guard.Plan, func(r *guard.Request) { r.Started = start.Add(-20 * time.Second) })
	f("a pause of another target", guard.Plan, func(r *guard.Request) {
		r.Target = vigil.Target{Kind: "service", Name: "web", Host: "h"}
		r.Brakes = brake.New([]vigil.Pause{{Holder: "ann", Scope: vigil.Scope{Target: "host:db-2"}}, {Holder: "bob", Scope: vigil.Scope{Policy: "other"}}}, nil)
	})
	f("a window just over", guard.Start, func(r *guard.Request) {
		r.Brakes = brake.New(nil, []vigil.Window{{Name: "w", From: start.Add(-time.Hour), Until: start}})
	})
	f("cooldown just over", guard.Plan, func(r *guard.Request) { r.Deeds, r.After = ago(start, 5*time.Minute), start.Add(-5*time.Minute) })
	f("a deed left the budget", guard.Plan, func(r *guard.Request) { r.Deeds = ago(start, time.Hour, 20*time.Minute, 10*time.Minute) })
	f("exactly max_age old", guard.Lease, func(r *guard.Request) { r.PlannedAt = start.Add(-10 * time.Minute) })
	f("its own retry needs no cooldown", guard.Lease, func(r *guard.Request) { r.Deeds = ago(start, time.Second) })
	f("a person needs no policy", guard.Wish, func(r *guard.Request) {
		*r = guard.Request{Manual: true, Started: start, Deeds: ago(start, 3*time.Second, 2*time.Second, time.Second)}
	})
}

func TestRules_LargeBudgetCountsAsWhatIsRemembered(t *testing.T) {
	t.Parallel()
	r := sound(start)
	r.Guards.Cooldown, r.Guards.Budget.N = 0, 1000
	for range 64 {
		r.Deeds = append(r.Deeds, start.Add(-time.Minute))
	}
	if got := guard.Check(guard.For(guard.Plan), r, start); got == nil || got.Reason != vigil.BlockExhausted {
		t.Errorf("Check = %v, want exhausted: no more than 64 deeds are remembered", got)
	}
}

func TestRules_StandInOneFixedOrder(t *testing.T) {
	t.Parallel()
	want := []vigil.BlockReason{
		vigil.BlockKillSwitch, vigil.BlockPaused, vigil.BlockMaintained, vigil.BlockWarmup, vigil.BlockStale, vigil.BlockResolved, vigil.BlockUnmanaged, vigil.BlockShadow,
		vigil.BlockDuplicate, vigil.BlockTargetBusy, vigil.BlockCooldown, vigil.BlockExhausted, vigil.BlockDenied,
	}
	var got []vigil.BlockReason
	for _, rule := range guard.Rules() {
		got = append(got, rule.Reason)
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules = %v, want %v", got, want)
	}
}

// The rule before wins: a request that every rule holds shows them one by one
// as they are taken away from the front.
func TestCheck_FirstRuleWins(t *testing.T) {
	t.Parallel()
	r := guard.Request{
		KillSwitch: flow.KillSwitch{Engaged: true, By: "ann"}, Resting: "r", Started: start,
		Brakes: brake.New(nil, []vigil.Window{{Name: "w", From: start, Until: start.Add(time.Hour)}}), Guards: sound(start).Guards, Mode: vigil.Shadow,
		After: start, SampleAt: start.Add(-time.Second), Unmanaged: "u", Denied: "d", Deeds: ago(start, 3, 2, 1),
		Busy: &guard.Busy{Remediation: "rem-1", State: vigil.Running, Same: true, SampleAt: start},
	}
	rules := guard.For(guard.Plan)
	for i, rule := range rules {
		if got := guard.Check(rules[i:], r, start); got == nil || got.Reason != rule.Reason {
			t.Errorf("without the first %d rules: %v, want %s", i, got, rule.Reason)
		}
	}
}
