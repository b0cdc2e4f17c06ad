package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// outpost is a collector and, for its one service, a remediator that comes and
// goes. The service notes each start, and each start beside another one.
type outpost struct {
	collector *process
	api       *client.Client
	dir, conf string
}

// stubborn is a service that only notes that it was asked to end. Whoever holds
// its lock is the one instance.
const stubborn = `
cd %s
trap 'echo asked >>asked' TERM
exec 9>>lock
flock -n 9 || echo $$ >>twins
echo $$ >>starts
while :; do sleep 0.05 9>&-; done
`

func newOutpost(t *testing.T, grace string) *outpost {
	t.Helper()
	o := &outpost{dir: t.TempDir()}
	bury(t, o.dir)
	script := write(t, o.dir, "stubborn.sh", fmt.Sprintf(stubborn, o.dir))
	o.conf = write(t, o.dir, "vigil.yaml", fmt.Sprintf(
		"services:\n  counted: {driver: command, start: [/bin/sh, %s], stop: {grace: %s}}\n", script, grace))
	o.collector = daemonIn(t, filepath.Join(o.dir, "collector"), "collector", "--listen", "127.0.0.1:0")
	o.api = o.collector.api(t)
	return o
}

// hands starts the remediator and waits until the collector knows it.
func (o *outpost) hands(t *testing.T) *process {
	t.Helper()
	p := daemonIn(t, filepath.Join(o.dir, "hands"), "remediator", "--remediator-listen", "127.0.0.1:0",
		"--collector", o.collector.Collector, "--config", o.conf, "--host", "outpost")
	until(t, 20*time.Second, "the collector knows the remediator", func() bool {
		known, err := o.api.Remediators(t.Context())
		return err == nil && len(known) == 1
	})
	return p
}

// starts is how often the service was started.
func (o *outpost) starts() int {
	b, _ := os.ReadFile(filepath.Join(o.dir, "starts")) // none: never started
	return bytes.Count(b, []byte("\n"))
}

// startedOnceEach checks how often the service was started, one after the other.
func (o *outpost) startedOnceEach(t *testing.T, want int) {
	t.Helper()
	if got := o.starts(); got != want {
		t.Errorf("the service was started %d times, want %d", got, want)
	}
	if twins, err := os.ReadFile(filepath.Join(o.dir, "twins")); err == nil {
		t.Errorf("two instances ran at once: %s", twins)
	}
}

// apply applies a policy over the series unwell.
func (o *outpost) apply(t *testing.T, maxAge string) {
	t.Helper()
	doc := fmt.Sprintf(`
name: unwell
module: threshold
select: unwell
settings: {above: 0}
target: service:counted
recover_for: 0s
mode: auto
guards: {cooldown: 0s, warmup: 0s, max_age: %s}
runbook: [{action: restart-service}]
verify: {stabilise: 0s, window: 20s}
`, maxAge)
	if _, _, err := o.api.ApplyPolicy(t.Context(), "unwell", "application/yaml", []byte(doc)); err != nil {
		t.Fatal(err)
	}
}

func (o *outpost) send(ctx context.Context, unwell float64) error {
	_, err := o.api.Ingest(ctx, []vigil.Sample{{Name: "unwell", Value: unwell, Time: time.Now()}}, client.Sending{})
	return err
}

// feed tells how the service is until the test ends: unwell as long as it was
// started less often than what wanted says.
func (o *outpost) feed(t *testing.T, wanted *atomic.Int32) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for ctx.Err() == nil {
			unwell := 0.0
			if o.starts() < int(wanted.Load()) {
				unwell = 1
			}
			if err := o.send(ctx, unwell); err != nil && ctx.Err() == nil {
				t.Errorf("feed: %v", err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { cancel(); feeding.Wait() })
}

// pending waits for the n-th remediation and says what became of it so far.
func (o *outpost) pending(t *testing.T, n int, what string, ok func(vigil.Remediation) bool) (r vigil.Remediation) {
	t.Helper()
	until(t, 60*time.Second, what, func() bool {
		all, err := o.api.Remediations(t.Context(), client.Filter{Policy: "unwell"})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != n {
			return false
		}
		r = all[0]
		return ok(r)
	})
	return r
}

func TestAway_RemediationWaitsForTheRemediatorAndHeals(t *testing.T) {
	t.Parallel()
	o := newOutpost(t, "200ms")
	o.hands(t).kill() // while it asks for work
	o.apply(t, "1m")
	var wanted atomic.Int32
	wanted.Store(1)
	o.feed(t, &wanted)
	o.pending(t, 1, "a remediation waits", func(r vigil.Remediation) bool { return r.State == vigil.Planned })
	back := time.Now()
	o.hands(t)
	r := o.pending(t, 1, "the remediation ends", func(r vigil.Remediation) bool { return r.State.Final() })
	if r.State != vigil.Healed || len(r.Attempts) != 1 || r.Attempts[0].StartedAt.Before(back) || r.Attempts[0].Previous != "" {
		t.Errorf("remediation is %+v, want healed by one attempt after %s", r, back)
	}
	o.startedOnceEach(t, 1)
}

func TestAway_RemediationThatWaitedTooLongIsSkipped(t *testing.T) {
	t.Parallel()
	o := newOutpost(t, "200ms")
	o.hands(t).kill()
	o.apply(t, "1s")
	if err := o.send(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r := o.pending(t, 1, "the remediation ends", func(r vigil.Remediation) bool { return r.State.Final() })
	if r.State != vigil.Skipped || r.Hold == nil || r.Hold.Reason != vigil.BlockStale {
		t.Errorf("remediation is %s, held by %+v, want skipped as stale", r.State, r.Hold)
	}
	if waited := r.EndedAt.Sub(r.PlannedAt); waited < time.Second {
		t.Errorf("it was skipped after %s, want 1s at least", waited)
	}
	// Who comes back finds a person's wish to do, and not what is over.
	o.hands(t)
	wish, err := o.api.Request(t.Context(), vigil.Wish{Target: vigil.Target{Kind: "service", Name: "counted"}, Action: "restart-service"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.api.Await(t.Context(), wish.ID, client.Acted); err != nil {
		t.Fatal(err)
	}
	if after, err := o.api.Remediation(t.Context(), r.ID); err != nil || after.Version != r.Version {
		t.Errorf("the skipped remediation became %+v, %v", after, err)
	}
	o.startedOnceEach(t, 1)
}

// TestAway_ActionCutInHalfIsTriedAgainKnowingly kills the remediator while the
// service it restarts refuses to end. Whether the action ran is not known then,
// so the second attempt is told.
func TestAway_ActionCutInHalfIsTriedAgainKnowingly(t *testing.T) {
	t.Parallel()
	o := newOutpost(t, "3s")
	p := o.hands(t)
	o.apply(t, "1m")
	var wanted atomic.Int32
	wanted.Store(1)
	o.feed(t, &wanted)
	healed := func(r vigil.Remediation) bool { return r.State == vigil.Healed }
	o.pending(t, 1, "the service is started", healed)

	wanted.Store(2)
	until(t, 20*time.Second, "the service is asked to end", func() bool {
		_, err := os.Stat(filepath.Join(o.dir, "asked"))
		return err == nil
	})
	p.kill()
	if r := o.pending(t, 2, "the second remediation", func(vigil.Remediation) bool { return true }); r.State != vigil.Running {
		t.Fatalf("the remediation is %s when its remediator dies, want running", r.State)
	}
	o.hands(t)
	r := o.pending(t, 2, "the second remediation heals", healed)
	if len(r.Attempts) != 2 || r.Attempts[0].OK || r.Attempts[1].Previous != string(vigil.Unknown) || !r.Attempts[1].OK {
		t.Errorf("attempts are %+v, want a lost one and one that knows of it", r.Attempts)
	}
	o.startedOnceEach(t, 2)
	want := []string{"planned", "leased", "running", "unknown", "planned", "leased", "running", "verifying", "healed"}
	if got := o.history(t, r.ID); !slices.Equal(got, want) {
		t.Errorf("the audit log says %v, want %v", got, want)
	}
}

// history is what the audit log says of a remediation's states.
func (o *outpost) history(t *testing.T, id string) (states []string) {
	t.Helper()
	records, err := o.api.Audit(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		if rec.Object == id {
			states = append(states, rec.To)
		}
	}
	return states
}
