package policy_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRun_JudgesWhatIsOfferedAndTicksByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Time{} // the bubble's clock
		w.open(4)
		w.apply(nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		if w.opened != 4+1 { // one per shard and one to try the settings
			t.Errorf("%d guests opened before the first sample, want 5", w.opened)
		}
		w.Offer(w.batch(sample{value: 0.95}))
		synctest.Wait()
		if got := w.takeTold(); got != "fired service:backend" {
			t.Fatalf("the healer heard %q", got)
		}
		time.Sleep(time.Millisecond)
		w.Offer(w.batch(sample{value: 0.1}))
		time.Sleep(2500 * time.Millisecond)
		if got := w.takeTold(); got != "cleared service:backend" {
			t.Errorf("2.5 s later the healer heard %q", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestRun_LeavesNoGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	w := newWorld(t)
	w.open(4)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}

func TestRun_StandsChangesOfPoliciesUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = time.Time{}
	w.open(4)
	w.apply(nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wg, offering sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx) })
	for _, host := range []string{"a", "b", "c"} {
		offering.Go(func() {
			for i := range 500 {
				w.Offer(w.batch(sample{host: host, value: float64(i%2) * 0.95}))
			}
		})
	}
	for i := range 30 {
		w.apply(func(p *vigil.Policy) {
			p.Settings = []byte([]string{`{"above":0.8}`, `{"above":0.9}`}[i%2])
			p.Target = []string{"service:backend", "service:backend@{{host}}"}[i/2%2]
		})
		if i%10 == 9 {
			if err := w.Delete(t.Context(), "local", "cpu-high"); err != nil {
				t.Error(err)
			}
		}
	}
	offering.Wait()
	w.apply(func(p *vigil.Policy) { p.Group = "last" })
	w.Offer(w.batch(sample{value: 0.95}))
	for f := range w.heard {
		if f.Policy.Group == "last" {
			break
		}
	}
	cancel()
	wg.Wait()
	if open, _ := w.OpenEpisodes(t.Context()); len(open) != 1 {
		t.Errorf("open episodes: %+v", open)
	}
}

// BenchmarkSampleToFired measures from an offered sample to the healer hearing
// of it, on an idle engine, guest and disk aside.
func BenchmarkSampleToFired(b *testing.B) {
	w := newWorld(b)
	w.now = time.Time{}
	w.open(2)
	w.apply(nil)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	for b.Loop() {
		w.Offer(w.batch(sample{value: 0.95}))
		<-w.heard
	}
	cancel()
	<-done
}

// BenchmarkHealthyBatch measures a batch of 1,000 healthy series, one sample
// each, with one policy.
func BenchmarkHealthyBatch(b *testing.B) {
	w := newWorld(b)
	w.open(1)
	w.apply(func(p *vigil.Policy) { p.Target = "service:backend@{{host}}" })
	var samples []sample
	for i := range 1000 {
		samples = append(samples, sample{host: string([]byte{'h', byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676)}), value: 0.1})
	}
	batch := w.batch(samples...)
	w.Offer(batch)
	w.step()
	w.now = w.now.Add(time.Hour) // past the watch after a start
	w.step()
	for b.Loop() {
		w.now = w.now.Add(time.Second)
		next := *batch
		next.Received = w.now
		next.Times = make([]int64, len(batch.Times))
		for i := range next.Times {
			next.Times[i] = w.now.UnixNano()
		}
		w.Offer(&next)
		if err := w.Step(b.Context(), 0, w.now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/sample")
}
