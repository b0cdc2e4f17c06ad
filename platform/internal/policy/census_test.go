package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fleet is one sample of each of n hosts, the first bad of which are bad.
func fleet(n, bad int) (out []sample) {
	for i := range n {
		s := sample{host: fmt.Sprintf("h%04d", i), value: 0.1}
		if i < bad {
			s.value = 0.95
		}
		out = append(out, s)
	}
	return out
}

func perHost(p *vigil.Policy) { p.Target = "service:web@{{host}}" }

func (w *world) wantCensus(want flow.Census) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.judged) == 0 {
		w.t.Fatal("the healer heard nothing")
	}
	if diff := cmp.Diff(want, w.judged[len(w.judged)-1].Census); diff != "" {
		w.t.Errorf("census (-want +got):\n%s", diff)
	}
}

// What the healer hears of the first target that fires counts all that turned
// bad with it.
func TestCensus_IsWholeBeforeTheFirstIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(perHost)
	w.Offer(w.batch(fleet(40, 0)...))
	w.step()
	w.pass(time.Second)
	w.Offer(w.batch(fleet(40, 30)...))
	w.step()
	if len(w.firings) != 30 {
		t.Fatalf("%d targets fired, want 30", len(w.firings))
	}
	for _, f := range w.firings {
		if want := (flow.Census{Group: "policy:cpu-high", Known: 40, Unhealthy: 30}); f.Census != want {
			t.Fatalf("%s fired with census %+v, want %+v", f.Episode.Target, f.Census, want)
		}
	}
}

func TestCensus_CountsEachGroupByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(2)
	w.apply(func(p *vigil.Policy) { perHost(p); p.Group = "host" })
	w.Offer(w.batch(fleet(3, 1)...))
	w.step()
	for shard := range 2 {
		if err := w.Step(t.Context(), shard, w.clock()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.firings) != 1 || w.firings[0].Census != (flow.Census{Group: "host=h0000", Known: 1, Unhealthy: 1}) {
		t.Errorf("firings = %+v", w.firings)
	}
}

func TestCensus_FollowsATargetThroughSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(func(p *vigil.Policy) { perHost(p); p.Lookback = vigil.Duration(time.Minute) })
	group := "policy:cpu-high"
	w.Offer(w.batch(fleet(4, 1)...))
	w.step()
	w.wantCensus(flow.Census{Group: group, Known: 4, Unhealthy: 1})
	for range 8 { // only the bad one goes on to speak
		w.pass(10 * time.Second)
		w.Offer(w.batch(fleet(1, 1)...))
		w.step()
	}
	w.wantCensus(flow.Census{Group: group, Known: 4, Unhealthy: 1, Silent: 3})
	w.Decommission(mustTarget(t, "service:web@h0003"), true)
	w.Decommission(mustTarget(t, "host:h0002"), true)
	w.pass(time.Second)
	w.wantCensus(flow.Census{Group: group, Known: 2, Unhealthy: 1, Silent: 1})
	for range 8 * 60 * 6 { // a day later
		w.pass(30 * time.Second)
		w.Offer(w.batch(fleet(1, 1)...))
		w.step()
	}
	w.wantCensus(flow.Census{Group: group, Known: 1, Unhealthy: 1})
	known, err := w.Engine.Known(t.Context())
	if err != nil || len(known) != 1 || known[0].Health != vigil.Unhealthy || known[0].Memberships[0].Group != group {
		t.Errorf("known = %+v, %v", known, err)
	}
	w.Decommission(mustTarget(t, "service:web@h0003"), false)
	w.Offer(w.batch(fleet(4, 1)...))
	w.step()
	w.pass(2 * time.Minute)
	w.Offer(w.batch(fleet(4, 1)...))
	w.step()
	w.pass(time.Second)
	w.wantCensus(flow.Census{Group: group, Known: 3, Unhealthy: 1}) // h0002 went with its host
}

// A target that died before a restart still counts: first as unheard of, then as
// silent. What was decommissioned does not come back.
func TestCensus_SurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(perHost)
	w.Offer(w.batch(fleet(4, 0)...))
	w.step()
	w.pass(11 * time.Second)
	if len(w.known) != 4 {
		t.Fatalf("the disk knows %d targets, want 4", len(w.known))
	}
	w.left = []vigil.Target{mustTarget(t, "service:web@h0003")}
	w.open(1)
	w.Offer(w.batch(fleet(1, 1)...))
	w.step()
	group := "policy:cpu-high"
	w.wantCensus(flow.Census{Group: group, Known: 3, Unhealthy: 1, Unheard: 2})
	for range 40 {
		w.pass(10 * time.Second)
		w.Offer(w.batch(fleet(1, 1)...))
		w.step()
	}
	w.wantCensus(flow.Census{Group: group, Known: 3, Unhealthy: 1, Silent: 2})
	if len(w.known) != 3 {
		t.Errorf("the disk knows %d targets, want 3", len(w.known))
	}
}

// What the ledger refused is not counted: the episode has not begun either.
func TestCensus_GoesBackWithItsEpisode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(perHost)
	w.Offer(w.batch(fleet(2, 0)...))
	w.step()
	w.broken = fmt.Errorf("disk full")
	w.Offer(w.batch(sample{host: "h0000", value: 0.95, ago: -time.Nanosecond}))
	if err := w.Step(t.Context(), 0, w.clock()); err == nil {
		t.Fatal("the ledger's refusal was not told")
	}
	known, _ := w.Engine.Known(t.Context())
	if known[0].Health != vigil.Healthy {
		t.Errorf("health = %s while the ledger refuses, want healthy", known[0].Health)
	}
	w.broken = nil
	w.pass(time.Second)
	w.wantCensus(flow.Census{Group: "policy:cpu-high", Known: 2, Unhealthy: 1})
}

func TestCensus_ForgetsAPolicyThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(perHost)
	w.Offer(w.batch(fleet(2, 0)...))
	w.step()
	if err := w.Delete(t.Context(), "local", "cpu-high"); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	if known, _ := w.Engine.Known(t.Context()); len(known) > 0 || len(w.known) > 0 {
		t.Errorf("known = %+v, on disk %v", known, w.known)
	}
}

func mustTarget(t *testing.T, s string) vigil.Target {
	t.Helper()
	target, err := vigil.ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}
