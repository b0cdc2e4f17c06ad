package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestEngine_DecidesTheSameHoweverBatchesAreMerged judges one stream batch by
// batch and merged at random, and compares what was decided.
func TestEngine_DecidesTheSameHoweverBatchesAreMerged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		change := func(p *vigil.Policy) {
			p.For = vigil.Duration(rapid.IntRange(0, 3).Draw(rt, "for")) * vigil.Duration(time.Second)
			p.RecoverFor = vigil.Duration(rapid.IntRange(0, 3).Draw(rt, "recover_for")) * vigil.Duration(time.Second)
			if rapid.Bool().Draw(rt, "a target per host") {
				p.Target = "service:backend@{{host}}"
			}
		}
		p := cpuHigh()
		change(&p)
		keep := func(q *vigil.Policy) { q.For, q.RecoverFor, q.Target = p.For, p.RecoverFor, p.Target }
		one, merged := newWorld(t), newWorld(t)
		for _, w := range []*world{one, merged} {
			w.open(1)
			w.apply(keep)
		}
		for range rapid.IntRange(1, 30).Draw(rt, "batches") {
			one.now = one.now.Add(time.Second)
			merged.now = one.now
			var b *flow.Batch
			host := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "host")
			values := rapid.SliceOfN(rapid.SampledFrom([]float64{0.1, 0.95}), 1, 3).Draw(rt, "values")
			var samples []sample
			for i, v := range values {
				samples = append(samples, sample{host, v, time.Duration(len(values)-i) * time.Millisecond})
			}
			b = one.batch(samples...)
			one.Offer(b)
			one.step()
			merged.Offer(b)
			if rapid.Bool().Draw(rt, "turn") {
				merged.step()
			}
		}
		for range 5 { // time for what is under way to end
			merged.pass(time.Second)
			one.pass(time.Second)
		}
		if diff := cmp.Diff(one.words(), merged.words()); diff != "" {
			rt.Fatalf("decisions, batch by batch and merged:\n%s", diff)
		}
		if diff := cmp.Diff(one.endings(), merged.endings()); diff != "" {
			rt.Fatalf("episodes, batch by batch and merged:\n%s", diff)
		}
	})
}

// endings lists how episodes that fired ended, by target in order.
func (w *world) endings() map[string][]vigil.EpisodeState {
	m := map[string][]vigil.EpisodeState{}
	for _, id := range w.order {
		if ep := w.episodes[id]; !ep.FiredAt.IsZero() {
			m[ep.Target.String()] = append(m[ep.Target.String()], ep.State)
		}
	}
	return m
}
