package remedy_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// observe shows the healer an agent's batch about a service, and waits until it
// has been weighed.
func (w *ward) observe(service string, up, pid float64) {
	w.t.Helper()
	now := w.clock.now()
	labels := vigil.Labels{"service": service, "host": "host-1"}
	b := &flow.Batch{Received: now, Times: []int64{now.UnixNano(), now.UnixNano()}, Values: []float64{up, pid}, Runs: []flow.Run{
		{Meta: vigil.Series{Name: "service_up", Labels: labels}, First: 0, Count: 1},
		{Meta: vigil.Series{Name: "service_pid", Labels: labels}, First: 1, Count: 1},
	}}
	w.must(w.Weigh(w.t.Context(), b))
}

func TestManual_HealsWhenTheServiceIsUpWithItsNewPID(t *testing.T) {
	t.Parallel()
	f := func(name string, up, pid float64, after time.Duration, want, atEnd vigil.State) {
		t.Helper()
		w := newWard(t)
		l := w.restart("web") // the report says pid 42
		w.clock.add(after)
		w.observe("web", up, pid)
		r, err := w.Remediation(t.Context(), l.Remediation)
		w.must(err)
		if r.State != want {
			t.Errorf("%s: %s, want %s", name, r.State, want)
		}
		w.pass(30 * time.Second)
		w.want(l.Remediation, atEnd)
	}
	f("up with the new pid", 1, 42, 3*time.Second, vigil.Healed, vigil.Healed)
	f("still stabilising, then silence", 1, 42, time.Second, vigil.Verifying, vigil.Inconclusive)
	f("down", 0, 0, 3*time.Second, vigil.Verifying, vigil.Failed)
	f("up with the old pid", 1, 41, 3*time.Second, vigil.Verifying, vigil.Failed)
	f("sample of the moment of the deed", 1, 42, 0, vigil.Verifying, vigil.Inconclusive)
	f("up, no pid said", 1, 0, 3*time.Second, vigil.Verifying, vigil.Inconclusive)
}

func TestObserve_ReachesRunAndNeverBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWard(t)
		l := w.restart("web")
		w.clock.add(3 * time.Second)
		now := w.clock.now()
		b := &flow.Batch{Received: now, Times: []int64{now.UnixNano(), now.UnixNano()}, Values: []float64{1, 42}, Runs: []flow.Run{
			{Meta: vigil.Series{Name: "service_up", Labels: vigil.Labels{"service": "web"}}, Count: 1},
			{Meta: vigil.Series{Name: "service_pid", Labels: vigil.Labels{"service": "web"}}, First: 1, Count: 1},
		}}
		for range 1000 {
			w.Observe(b)
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.must(w.Run(ctx)) })
		r, err := w.Await(ctx, l.Remediation, func(r vigil.Remediation) bool { return r.State.Final() })
		if err != nil || r.State != vigil.Healed {
			t.Errorf("Await = %s, %v, want healed", r.State, err)
		}
		stop()
		running.Wait()
	})
}
