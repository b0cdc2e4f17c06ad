package guard_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

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
			Budget:  vigil.Rate{N: 3, Per: d(time.Hour)},
			Backoff: vigil.Backoff{First: d(time.Minute), Most: d(10 * time.Minute)}, MinHealthy: percent(50), MaxConcurrent: percent(10),
			Rate: vigil.Rate{N: 30, Per: d(time.Hour)}, TripAfter: 3, Ineffective: 3,
			Storm: vigil.Storm{Targets: 3, Share: percent(30), Calm: d(5 * time.Minute)},
		},
		Policy: "cpu-high", Census: flow.Census{Group: "env=prod", Known: 20, Unhealthy: 1},
		Buckets: []guard.Bucket{{Of: "cpu-high", Rate: vigil.Rate{N: 30, Per: d(time.Hour)}}},
	}
}

func percent(n int) vigil.Share { return vigil.Share{N: n, Percent: true} }

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
	f(vigil.BlockExpired, "a person was asked 31m ago and did not answer within the approve_within of 30m", 0, guard.Answer, func(r *guard.Request) {
		r.AskedAt, r.KillSwitch = now.Add(-31*time.Minute), flow.KillSwitch{Engaged: true}
	})
	f(vigil.BlockStale, "decided under revision 1 of the policy, which is now at 2", 0, guard.Answer, func(r *guard.Request) { r.Revision, r.Current = 1, 2 })
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

// TestFleetRules_HoldWithNumbers has the rules that count more than one target;
// each case fails when its rule is removed from the list.
func TestFleetRules_HoldWithNumbers(t *testing.T) {
	t.Parallel()
	now := start
	f := func(want vigil.BlockReason, stages guard.Stage, detail string, retry time.Duration, change func(r *guard.Request)) {
		t.Helper()
		for _, stage := range []guard.Stage{guard.Plan, guard.Wish, guard.Lease, guard.Start} {
			r := sound(now)
			change(&r)
			got := guard.Check(guard.For(stage), r, now)
			if stages&stage == 0 {
				if got != nil && got.Reason == want {
					t.Errorf("%s: asked at stage %d", want, stage)
				}
				continue
			}
			if got == nil || got.Reason != want || got.Detail != detail {
				t.Errorf("%s at stage %d: held by %+v, want %q", want, stage, got, detail)
				continue
			}
			if at := now.Add(retry); retry != 0 && !got.RetryAt.Equal(at) || retry == 0 && !got.RetryAt.IsZero() {
				t.Errorf("%s: retry at %s, want %s from now", want, got.RetryAt, retry)
			}
			r.Manual = true
			if got := guard.Check(guard.For(stage), r, now); got != nil {
				t.Errorf("%s holds a person back: %+v", want, got)
			}
		}
	}
	f(vigil.BlockWarmup, guard.Plan|guard.Lease, "5 of 20 known targets of env=prod have not been heard of since the start, more than 20%", 0, func(r *guard.Request) {
		r.Census.Unheard = 5
	})
	f(vigil.BlockDependency, guard.Plan|guard.Lease, "it depends on service:db@h, which is treated first", 0, func(r *guard.Request) { r.Below = "service:db@h" })
	f(vigil.BlockBackoff, guard.Plan, "3 remediations in a row did not heal it; the wait of 4m ends in 1m", time.Minute, func(r *guard.Request) {
		r.Failures, r.FailedAt = 3, now.Add(-3*time.Minute)
	})
	f(vigil.BlockBackoff, guard.Plan, "99 remediations in a row did not heal it; the wait of 10m ends in 7m", 7*time.Minute, func(r *guard.Request) {
		r.Failures, r.FailedAt = 99, now.Add(-3*time.Minute)
	})
	f(vigil.BlockMinHealthy, guard.Plan|guard.Lease, "10 of 21 known targets of env=prod are healthy, below the min_healthy of 50%", 0, func(r *guard.Request) {
		r.Census.Known, r.Census.Unhealthy, r.Census.Silent = 21, 6, 5
	})
	f(vigil.BlockMinHealthy, guard.Plan|guard.Lease, "1 of 2 known targets of env=prod are healthy, below the min_healthy of 2", 0, func(r *guard.Request) {
		r.Guards.MinHealthy, r.Census.Known = vigil.Share{N: 2}, 2
	})
	f(vigil.BlockConcurrent, guard.Plan|guard.Lease, "2 of 20 known targets of env=prod are in treatment; the max_concurrent of 10% allows 2", 0, func(r *guard.Request) { r.Treated = 2 })
	f(vigil.BlockConcurrent, guard.Plan|guard.Lease, "1 of 9 known targets of env=prod are in treatment; the max_concurrent of 10% allows 1", 0, func(r *guard.Request) {
		r.Treated, r.Census.Known = 1, 9
	})
	f(vigil.BlockConcurrent, guard.Plan|guard.Lease, "1 of 20 known targets of env=prod are in treatment and 3 wait; the max_concurrent of 10% allows 2", 0, func(r *guard.Request) {
		r.Treated, r.Waiting = 1, 3
	})
	f(vigil.BlockRate, guard.Plan|guard.Lease, "cpu-high has used its rate of 30/1h; the next is free in 2m", 2*time.Minute, func(r *guard.Request) {
		for range 30 {
			r.Buckets[0].FullAt = r.Buckets[0].Take(now)
		}
	})
	f(vigil.BlockBreaker, guard.Plan|guard.Lease|guard.Start, "storm in env=prod: 7 of 20 known targets are unhealthy or silent, over 30%; actions start again 5m after it is over", 0, func(r *guard.Request) {
		r.Census.Silent = 6
	})
	f(vigil.BlockBreaker, guard.Plan|guard.Lease|guard.Start, "so it was; actions start again 5m after it is over", 0, func(r *guard.Request) {
		r.Trip = &guard.Trip{Detail: "so it was", Calm: r.Guards.Storm.Calm}
	})
	f(vigil.BlockBreaker, guard.Plan|guard.Lease|guard.Start, "so it was; it is over since and must stay so for 5m", time.Minute, func(r *guard.Request) {
		r.Trip = &guard.Trip{Detail: "so it was", Calm: r.Guards.Storm.Calm, Ends: now.Add(time.Minute)}
	})
	f(vigil.BlockNoHelp, guard.Plan, "3 remediations by cpu-high in a row did not help; a person goes on (vigil breaker reset cpu-high)", 0, func(r *guard.Request) { r.Unhelpful = 3 })
}

func TestFleetRules_LetASoundGroupPass(t *testing.T) {
	t.Parallel()
	f := func(name string, change func(r *guard.Request)) {
		t.Helper()
		r := sound(start)
		change(&r)
		if got := guard.Check(guard.For(guard.Plan), r, start); got != nil {
			t.Errorf("%s: held by %s: %s", name, got.Reason, got.Detail)
		}
	}
	f("a fifth unheard", func(r *guard.Request) { r.Census.Unheard = 4 })
	f("backoff over", func(r *guard.Request) { r.Failures, r.FailedAt = 3, start.Add(-4*time.Minute) })
	f("just healthy enough", func(r *guard.Request) {
		r.Guards.Storm, r.Census.Unhealthy = vigil.Storm{}, 10
	})
	f("room for one more", func(r *guard.Request) { r.Treated = 1 })
	f("a group of one", func(r *guard.Request) { r.Census = flow.Census{Group: "env=prod", Known: 2, Unhealthy: 1} })
	f("a token left", func(r *guard.Request) {
		for range 29 {
			r.Buckets[0].FullAt = r.Buckets[0].Take(start)
		}
	})
	f("a clock that was set back", func(r *guard.Request) { r.Buckets[0].FullAt = r.Buckets[0].Take(start.Add(-time.Hour)).Add(time.Hour) })
	f("30 % are no storm", func(r *guard.Request) { r.Census.Silent = 5 })
	f("two are no storm", func(r *guard.Request) {
		r.Guards.MinHealthy, r.Census = vigil.Share{}, flow.Census{Known: 3, Unhealthy: 2}
	})
	f("twice is not ineffective", func(r *guard.Request) { r.Unhelpful = 2 })
	f("all turned off", func(r *guard.Request) {
		g := r.Guards
		*r = guard.Request{
			Mode: vigil.Auto, Guards: vigil.Guards{MaxAge: g.MaxAge}, Started: start, Firing: true, SampleAt: start, ReceivedAt: start, Lookback: time.Minute,
			Census: flow.Census{Known: 4, Unhealthy: 4}, Treated: 3, Failures: 9, FailedAt: start, Unhelpful: 9, Buckets: []guard.Bucket{{FullAt: start.Add(time.Hour)}},
		}
	})
}

// A bucket gives its N at once and then one each Per/N, whatever the moments.
func TestBucket_NeverGivesMoreThanItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := vigil.Rate{N: rapid.IntRange(1, 10).Draw(t, "n"), Per: vigil.Duration(time.Minute)}
		b, now := guard.Bucket{Of: "x", Rate: rate}, start
		var took []time.Time
		for range 50 {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "s")) * time.Second)
			r := sound(now)
			r.Buckets = []guard.Bucket{b}
			hold := guard.Check(guard.For(guard.Plan), r, now)
			if hold != nil {
				r.Buckets[0].FullAt = b.FullAt
				if again := guard.Check(guard.For(guard.Plan), r, hold.RetryAt.Add(-time.Nanosecond)); again == nil {
					t.Fatalf("free before RetryAt %s", hold.RetryAt)
				}
				continue
			}
			b.FullAt = b.Take(now)
			took = append(took, now)
		}
		// In any span of one Per it gives at most what it holds and what flows in.
		for i := range took {
			n := 0
			for _, at := range took[i:] {
				n += bit(at.Sub(took[i]) < rate.Per.D())
			}
			if n > 2*rate.N {
				t.Fatalf("%d in one %s, want at most %d", n, rate.Per, 2*rate.N)
			}
		}
	})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
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
		vigil.BlockKillSwitch, vigil.BlockPaused, vigil.BlockMaintained, vigil.BlockWarmup, vigil.BlockExpired, vigil.BlockStale, vigil.BlockResolved, vigil.BlockUnmanaged, vigil.BlockScope, vigil.BlockShadow,
		vigil.BlockDuplicate, vigil.BlockTargetBusy, vigil.BlockDependency, vigil.BlockCooldown, vigil.BlockBackoff, vigil.BlockExhausted,
		vigil.BlockMinHealthy, vigil.BlockConcurrent, vigil.BlockRate, vigil.BlockBreaker, vigil.BlockNoHelp, vigil.BlockDenied,
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
		After: start, SampleAt: start.Add(-time.Second), Unmanaged: "u", Unfilled: "f", Denied: "d", Deeds: ago(start, 3, 2, 1),
		Below: "service:db", Failures: 1, FailedAt: start, Unhelpful: 3, Census: flow.Census{Known: 4, Unhealthy: 4}, Treated: 3,
		Buckets: []guard.Bucket{{Of: "x", Rate: vigil.Rate{N: 1, Per: vigil.Duration(time.Hour)}, FullAt: start.Add(time.Hour)}},
		Busy:    &guard.Busy{Remediation: "rem-1", State: vigil.Running, Same: true, SampleAt: start},
	}
	rules := guard.For(guard.Plan)
	for i, rule := range rules {
		if got := guard.Check(rules[i:], r, start); got == nil || got.Reason != rule.Reason {
			t.Errorf("without the first %d rules: %v, want %s", i, got, rule.Reason)
		}
	}
}
