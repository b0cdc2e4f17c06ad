package main

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestStop_UnderLoadIsQuickAndLosesNothing sends SIGTERM while samples pour in.
func TestStop_UnderLoadIsQuickAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := up(t, dir, "--interval", "200ms")
	api := p.api(t)
	var acked ledger
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pouring sync.WaitGroup
	for range 4 {
		pouring.Go(func() { pour(ctx, api, &acked, "nobody") })
	}
	until(t, 30*time.Second, "200 samples are acknowledged", func() bool { return len(acked.acks()) >= 200 })
	if family := processesOf(dir); len(family) < 3 {
		t.Errorf("%v run, want vigil and two demo services", family)
	}

	asked := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.kill()
		t.Fatalf("did not stop within 20s of SIGTERM\n%s", p.Output())
	}
	if took := time.Since(asked); took > 5*time.Second || p.err != nil {
		t.Errorf("stopped after %s with %v, want status 0 within 5s\n%s", took, p.err, p.Output())
	}
	cancel()
	pouring.Wait()
	if left := processesOf(dir); len(left) > 0 {
		t.Errorf("these outlived vigil: %v", left)
	}

	up(t, dir, "--no-agent", "--no-demo")
	stored := map[int]bool{}
	for _, r := range query(t, vigilBinary(t), dir, `SELECT CAST(value AS INTEGER) AS v FROM metrics WHERE name = 'seq'`) {
		stored[int(r["v"].(float64))] = true
	}
	for _, seq := range acked.acks() {
		if !stored[seq.seq] {
			t.Errorf("sample %d was acknowledged and is not there", seq.seq)
		}
	}
	t.Logf("%d samples acknowledged", len(acked.acks()))
}
