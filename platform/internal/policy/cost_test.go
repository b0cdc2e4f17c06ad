package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestCosts_BelongToOnePolicyAndOutliveItsSettings: two policies that share an
// instance have accounts of their own, and new settings are no new account.
func TestCosts_BelongToOnePolicyAndOutliveItsSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open(1)
	w.apply(nil)
	w.apply(func(p *vigil.Policy) { p.Name, p.Select.Selector = "other", "other" })
	w.send(0.1, 0.2)
	w.pass(time.Second)
	w.mu.Lock()
	w.failing = 1 // the instance at hand; a fresh one answers
	w.mu.Unlock()
	w.send(0.3)
	w.apply(func(p *vigil.Policy) { p.Settings = []byte(`{"above":0.9}`) })
	w.pass(time.Second)
	got, omitted := w.Costs(10)
	want := []policy.Cost{
		{Policy: "cpu-high", Digest: "sha256:aa", Calls: 2, Samples: 3, Fuel: 300, Time: 3 * time.Millisecond, Pages: 3, Failures: map[string]uint64{"guest_trap": 1}},
		{Policy: "other", Digest: "sha256:aa", Pages: 3, Failures: map[string]uint64{}},
	}
	if diff := cmp.Diff(want, got); diff != "" || omitted != 0 {
		t.Errorf("%d omitted, costs (-want +got):\n%s", omitted, diff)
	}
	if got, omitted := w.Costs(1); len(got) != 1 || omitted != 1 {
		t.Errorf("Costs(1) = %v and %d omitted, want one of each", got, omitted)
	}
}
