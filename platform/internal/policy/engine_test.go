package policy_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestEngine_FiresAndRecovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.12)
	if got := w.takeTold(); got != "" || len(w.decisions) != 0 {
		t.Fatalf("a healthy sample led to %q and %d decisions", got, len(w.decisions))
	}
	w.pass(time.Second)
	w.send(0.95)
	if got := w.takeTold(); got != "fired service:backend" {
		t.Fatalf("after 0.95 the healer heard %q", got)
	}
	f := w.firings[0]
	w.pass(time.Second)
	w.takeTold()
	if f.Value != 0.95 || f.Reason != "0.95 against 0.8" || !f.SampleAt.Equal(w.now.Add(-time.Second)) || f.Decision != w.decisions[0].ID || f.Policy.Digest != "sha256:aa" {
		t.Errorf("firing = %+v", f)
	}
	w.send(0.1)
	w.pass(time.Second)
	if got := w.takeTold(); got != "" {
		t.Fatalf("one second into recovery the healer heard %q", got)
	}
	w.pass(time.Second)
	if got := w.takeTold(); got != "cleared service:backend" {
		t.Fatalf("after recover_for the healer heard %q", got)
	}
	want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictFire, vigil.VerdictOK}}
	if diff := cmp.Diff(want, w.words()); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	if ep := w.episodes[w.order[0]]; len(w.order) != 1 || ep.State != vigil.EpisodeResolved || ep.EndedAt.IsZero() {
		t.Errorf("episodes = %v, last %+v", w.order, ep)
	}
}

func TestEngine_TellsTheLevelNotTheEdge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.95)
	w.pass(500 * time.Millisecond) // a tick
	w.send(0.96)
	if got, want := w.takeTold(), "fired service:backend, fired service:backend, fired service:backend"; got != want {
		t.Errorf("the healer heard %q, want %q", got, want)
	}
	if len(w.decisions) != 1 || len(w.order) != 1 {
		t.Errorf("%d decisions, %d episodes, want one of each", len(w.decisions), len(w.order))
	}
	if a, b := w.firings[0], w.firings[1]; !a.SampleAt.Equal(b.SampleAt) {
		t.Errorf("a tick made an old sample new: %v, then %v", a.SampleAt, b.SampleAt)
	}
}

func TestEngine_KeepsForByTicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.For = vigil.Duration(3 * time.Second) })
	w.send(0.95)
	for range 5 {
		w.pass(500 * time.Millisecond)
	}
	if got := w.takeTold(); got != "" {
		t.Fatalf("before for had passed the healer heard %q", got)
	}
	w.pass(500 * time.Millisecond)
	if got := w.takeTold(); got != "fired service:backend" {
		t.Fatalf("when for had passed the healer heard %q", got)
	}
	want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictPending, vigil.VerdictFire}}
	if diff := cmp.Diff(want, w.words()); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func TestDecision_KeepsWhatTheGuestAskedIfItMayLeadToAnAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.asking = true
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.For = vigil.Duration(time.Second) })
	w.send(0.9) // pending
	w.pass(time.Second)
	w.send(0.95) // fires
	w.send(0.5)
	asked := map[vigil.Verdict]string{}
	for _, d := range w.decisions {
		if len(d.Calls) > 0 {
			asked[d.Verdict] = d.Calls[0].Target
		}
	}
	// The first evaluation made it bad; that it lasted is no verdict of a guest.
	want := map[vigil.Verdict]string{vigil.VerdictPending: "metric:ask_1", vigil.VerdictFire: "metric:ask_1"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("calls by verdict (-want +got):\n%s", diff)
	}
}

func TestEngine_MissingIsNotBad(t *testing.T) {
	t.Parallel()
	t.Run("NaN", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.naive = true
		w.open(1)
		w.apply(nil)
		w.send(math.NaN())
		if got := w.takeTold(); got != "" {
			t.Errorf("NaN had the healer hear %q", got)
		}
	})
	t.Run("old-backlog", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.Offer(w.batch(sample{value: 0.95, ago: 10 * time.Minute}))
		w.step()
		if got := w.takeTold(); got != "" {
			t.Errorf("a sample older than the lookback had the healer hear %q", got)
		}
	})
	t.Run("silence-while-firing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.95)
		w.pass(5 * time.Minute)
		w.takeTold()
		w.pass(time.Second)
		if got := w.takeTold(); got != "cleared service:backend" {
			t.Errorf("after the lookback the healer heard %q", got)
		}
		if ep := w.episodes[w.order[0]]; ep.Reason != "no data for 5m" {
			t.Errorf("the episode ended because of %q", ep.Reason)
		}
		if j := w.judged[len(w.judged)-1]; j.Verdict != vigil.VerdictNoData {
			t.Errorf("the last judgement of silence is %q", j.Verdict)
		}
	})
	t.Run("silence-of-a-healthy-series", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.1)
		w.pass(6 * time.Minute)
		want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictNoData}}
		if diff := cmp.Diff(want, w.words()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
	})
}

func TestEngine_JudgesEachSampleOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	bad := w.batch(sample{value: 0.95})
	w.pass(time.Second)
	w.send(0.1)
	w.Offer(bad) // late
	w.step()
	w.Offer(bad) // and repeated
	w.step()
	if got := w.takeTold(); got != "" {
		t.Errorf("a late sample had the healer hear %q", got)
	}
}

func TestEngine_AnySeriesThatFiresMakesItsTargetFire(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 4} { // the hosts' shards share the target's episode
		w := newWorld(t)
		w.open(shards)
		w.apply(nil)
		all := func() {
			t.Helper()
			for i := range shards {
				if err := w.Step(t.Context(), i, w.clock()); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.Offer(w.batch(sample{"a", 0.95, 0}, sample{"b", 0.1, 0}, sample{"c", 0.1, 0}, sample{"d", 0.1, 0}))
		all()
		if got := w.takeTold(); !strings.HasPrefix(got, "fired service:backend") || strings.Contains(got, "cleared") {
			t.Errorf("%d shards: the healer heard %q", shards, got)
		}
		w.pass(time.Second)
		w.Offer(w.batch(sample{"b", 0.1, 0}))
		all()
		w.pass(4 * time.Second)
		w.takeTold()
		w.Offer(w.batch(sample{"a", 0.1, 0}))
		all()
		w.pass(2 * time.Second)
		all()
		if got := w.takeTold(); got != "cleared service:backend" {
			t.Errorf("%d shards: when the firing series was well the healer heard %q", shards, got)
		}
		if len(w.order) != 1 {
			t.Errorf("%d shards: %d episodes of one target, want 1", shards, len(w.order))
		}
	}
}

func TestEngine_GuestFailure(t *testing.T) {
	t.Parallel()
	t.Run("an-old-instance-is-replaced-at-once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.1)
		w.failing = 1
		w.pass(time.Second)
		w.send(0.95)
		if got := w.takeTold(); got != "fired service:backend" {
			t.Errorf("the healer heard %q", got)
		}
	})
	t.Run("a-failing-module-is-an-error-and-no-action", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.1)
		w.failing = 2
		w.Offer(w.batch(sample{value: 0.94, ago: -1}, sample{value: 0.95, ago: -2}))
		if err := w.Step(t.Context(), 0, w.clock()); vigil.CodeOf(err) != "guest_trap" {
			t.Fatalf("step = %v, want guest_trap", err)
		}
		want := map[string][]vigil.Verdict{"service:backend": {vigil.VerdictError}}
		if diff := cmp.Diff(want, w.words()); diff != "" || w.takeTold() != "" {
			t.Fatalf("decisions (-want +got):\n%s", diff)
		}
		w.step() // in back-off: the guest is left alone
		if got := w.takeTold(); got != "" {
			t.Fatalf("in back-off the healer heard %q", got)
		}
		w.pass(time.Second)
		if got := w.takeTold(); got != "fired service:backend" {
			t.Fatalf("after back-off the healer heard %q, though the newest sample is bad", got)
		}
		if w.firings[0].Value != 0.95 {
			t.Errorf("fired on %v, want the newest sample", w.firings[0].Value)
		}
	})
}

func TestEngine_ActsOnNothingThatIsNotStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.broken = errors.New("disk full")
	w.Offer(w.batch(sample{value: 0.95}))
	if err := w.Step(t.Context(), 0, w.clock()); !errors.Is(err, w.broken) {
		t.Fatalf("step = %v, want %v", err, w.broken)
	}
	if got := w.takeTold(); got != "" {
		t.Fatalf("the healer heard %q", got)
	}
	w.broken = nil
	w.pass(time.Second)
	if got := w.takeTold(); got != "fired service:backend" {
		t.Errorf("once the disk was back the healer heard %q", got)
	}
}

func TestEngine_ClearsUntilTheHealerListens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.RecoverFor = 0 })
	w.send(0.95)
	w.takeTold()
	w.deaf = errors.New("busy")
	w.pass(time.Second)
	w.takeTold()
	w.Offer(w.batch(sample{value: 0.1}))
	if err := w.Step(t.Context(), 0, w.clock()); !errors.Is(err, w.deaf) {
		t.Fatalf("step = %v, want %v", err, w.deaf)
	}
	w.deaf = nil
	w.pass(time.Second)
	if got := w.takeTold(); got != "cleared service:backend" {
		t.Errorf("the healer heard %q", got)
	}
}

func TestEngine_EpisodesSurviveARestart(t *testing.T) {
	t.Parallel()
	t.Run("pending", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(func(p *vigil.Policy) { p.For = vigil.Duration(10 * time.Second) })
		w.send(0.95)
		w.open(1)
		w.pass(6 * time.Second)
		w.pass(4 * time.Second)
		w.send(0.95)
		if got := w.takeTold(); got != "fired service:backend" || len(w.order) != 1 {
			t.Errorf("the healer heard %q of %d episodes", got, len(w.order))
		}
	})
	t.Run("firing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.95)
		w.takeTold()
		w.open(1)
		w.pass(time.Second)
		if got := w.takeTold(); got != "" {
			t.Fatalf("without a sample since the restart the healer heard %q", got)
		}
		w.send(0.95)
		if got := w.takeTold(); got != "fired service:backend" || len(w.order) != 1 || len(w.decisions) != 1 {
			t.Errorf("the healer heard %q of %d episodes, %d decisions", got, len(w.order), len(w.decisions))
		}
	})
	t.Run("firing-for-longer-than-the-lookback", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		for range 12 {
			w.send(0.95)
			w.pass(time.Minute)
		}
		w.takeTold()
		w.open(1)
		w.pass(time.Second)
		w.send(0.95)
		if got := w.takeTold(); got != "fired service:backend" || len(w.order) != 1 || len(w.decisions) != 1 {
			t.Errorf("the healer heard %q of %d episodes, %d decisions", got, len(w.order), len(w.decisions))
		}
	})
	t.Run("too-old", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.open(1)
		w.apply(nil)
		w.send(0.95)
		w.takeTold()
		w.now = w.now.Add(time.Hour)
		w.open(1)
		w.step()
		if got := w.takeTold(); got != "cleared service:backend" {
			t.Errorf("the healer heard %q", got)
		}
	})
}

func TestEngine_TellsVerdictsAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.send(0.95)
	w.pass(time.Second)
	w.send(0.1)
	w.pass(2 * time.Second)
	w.judged = nil
	w.pass(time.Second)
	w.send(0.2)
	last := w.judged[len(w.judged)-1]
	want := flow.Judged{
		Policy: "cpu-high", Target: vigil.Target{Kind: "service", Name: "backend"}, Verdict: vigil.VerdictOK, Value: 0.2, SampleAt: w.now, ReceivedAt: w.now,
		Census: flow.Census{Group: "policy:cpu-high", Known: 1},
	}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("judged (-want +got):\n%s", diff)
	}
	if tick := w.judged[0]; !tick.SampleAt.Equal(w.now.Add(-3 * time.Second)) {
		t.Errorf("a tick without samples judged one of %v, which passes silence for health", tick.SampleAt)
	}
}

func TestEngine_RendersHostsIntoTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.Target = "service:backend@{{host}}" })
	w.Offer(w.batch(sample{"host-1", 0.95, 0}, sample{"host 2;rm", 0.95, 0}))
	w.step()
	if got := w.takeTold(); got != "fired service:backend@host-1" {
		t.Errorf("the healer heard %q", got)
	}
	if n := w.Stats().Unbound; n != 1 {
		t.Errorf("%d series without a target, want 1", n)
	}
}

func TestEngine_HangsEachFiringOnItsSamplesTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	b := w.batch(sample{value: 0.95})
	w.Offer(b)
	w.step()
	f := w.firings[0]
	if f.Trail != b.Trail || f.Trace.Trace != b.Trail.Context.Trace || len(f.Spans) != 1 || f.Spans[0].Parent != b.Trail.Context.Span || f.Spans[0].Context != f.Trace {
		t.Errorf("firing's trail %v, trace %v, spans %+v", f.Trail, f.Trace, f.Spans)
	}
	healthy := w.batch(sample{value: 0.1, ago: -1})
	healthy.Trail.Context.Sampled = true
	w.Offer(healthy)
	w.step()
	if len(w.spans) != 1 || w.spans[0].Parent != healthy.Trail.Context.Span || w.spans[0].Name != "evaluate" {
		t.Errorf("spans of a sampled batch = %+v", w.spans)
	}
}
