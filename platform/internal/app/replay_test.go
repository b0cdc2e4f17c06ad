package app

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/platform/internal/schema"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// judging is a policy engine of its own on a collector's database and sandbox,
// whose clock and turns the test keeps.
type judging struct {
	*policy.Engine
	now time.Time
}

func judgingOn(t *testing.T, a *App) *judging {
	t.Helper()
	j := &judging{now: time.Now().UTC()}
	home := a.home
	var err error
	j.Engine, err = policy.Open(t.Context(), policy.Options{
		Tenant: "default", Ledger: ledger{home.db, home.recall, home.notifier}, Guests: guests{a.engine, home.modules, home.recall}, Modules: approved{home.modules},
		Selector: promql.Matcher, Queries: home.prom, Settings: schema.Check, Treat: home.healer, Spans: a.tel,
		Now: func() time.Time { return j.now }, Log: a.log, Engine: EngineName("test"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// send offers samples of one series of a metric, each so long before now.
func (j *judging) send(metric, host string, values []float64, gap, age time.Duration) {
	id := uint64(len(metric))<<8 | uint64(host[0])
	b := &flow.Batch{
		Tenant: "default", Received: j.now, Values: values,
		Runs: []flow.Run{{ID: id, Meta: vigil.Series{Name: metric, Labels: vigil.Labels{"host": host}}, Count: uint32(len(values))}},
	}
	for i := range values {
		b.Times = append(b.Times, j.now.Add(-age-gap*time.Duration(len(values)-1-i)).UnixNano())
	}
	j.Offer(b)
}

// Whatever was judged, in whatever order and however batches were merged, every
// decision that is on disk is judged the same by a fresh instance of its module
// that has nothing but what the decision kept.
func TestReplay_OfEveryDecisionSaysTheSame(t *testing.T) {
	t.Parallel()
	a := collector(t)
	api, err := client.New(a.CollectorURL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := api.Ingest(t.Context(), []vigil.Sample{{Name: "most", Value: 1, Time: time.Now()}}, client.Sending{}); err != nil {
		t.Fatal(err)
	}
	seen, verdicts := map[string]bool{}, map[vigil.Verdict]int{}
	all := []vigil.Verdict{vigil.VerdictOK, vigil.VerdictPending, vigil.VerdictFire, vigil.VerdictNoData}
	enough := time.Now().Add(20 * time.Second) // instances in Go are not cheap under the race detector
	rapid.Check(t, func(rt *rapid.T) {
		if time.Now().After(enough) && !slices.ContainsFunc(all, func(v vigil.Verdict) bool { return verdicts[v] == 0 }) {
			return
		}
		j := judgingOn(t, a)
		p := vigil.DefaultPolicy()
		p.Name, p.Module, p.Select, p.Target, p.Settings = "cpu-high", "threshold", vigil.Select{Selector: "cpu_usage"}, "service:web@{{host}}", []byte(`{"above": 0.8, "below": -1}`)
		p.For = vigil.Duration(rapid.IntRange(0, 2).Draw(rt, "for")) * vigil.Duration(time.Second)
		p.Lookback = vigil.Duration(10 * time.Second)
		if _, _, err := j.Apply(t.Context(), "local", p); err != nil {
			rt.Fatal(err)
		}
		values := rapid.SampledFrom([]float64{0.1, 0.95, 0.8, 0.8000000000000002, 1.5, -2, math.Copysign(0, -1), math.NaN(), math.Inf(1), 1e-300})
		for range rapid.IntRange(1, 12).Draw(rt, "turns") {
			for range rapid.IntRange(0, 3).Draw(rt, "batches") {
				j.now = j.now.Add(time.Duration(rapid.IntRange(1, 999).Draw(rt, "ms")) * time.Millisecond)
				j.send(rapid.SampledFrom([]string{"cpu_usage", "load"}).Draw(rt, "metric"), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "host"),
					rapid.SliceOfN(values, 1, 70).Draw(rt, "values"), 100*time.Microsecond,
					rapid.SampledFrom([]time.Duration{0, 0, time.Second, 20 * time.Second}).Draw(rt, "age"))
			}
			j.now = j.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second, 15 * time.Second}).Draw(rt, "passes"))
			if err := j.Step(t.Context(), 0, j.now); err != nil {
				rt.Fatal(err)
			}
		}
		if err := j.Delete(t.Context(), "local", "cpu-high"); err != nil {
			rt.Fatal(err)
		}
		decisions, err := a.home.db.Decisions(t.Context(), "", 200)
		if err != nil {
			rt.Fatal(err)
		}
		for _, d := range decisions {
			if seen[d.ID] {
				break // newest first
			}
			seen[d.ID] = true
			verdicts[d.Verdict]++
			if d, err = a.home.db.Decision(t.Context(), d.ID); err != nil {
				rt.Fatal(err)
			}
			if got := replay(t, a, overTheWire(t, d)); !got.Same(policy.SaidBy(d)) {
				rt.Fatalf("a replay said %+v of %+v", got, d)
			}
		}
	})
	for _, v := range all {
		if verdicts[v] == 0 {
			t.Errorf("no decision said %s: %v", v, verdicts)
		}
	}
	t.Logf("%d decisions: %v", len(seen), verdicts)
}

// overTheWire is a decision as a client reads it.
func overTheWire(t *testing.T, d vigil.Decision) (out vigil.Decision) {
	t.Helper()
	doc, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(doc, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
