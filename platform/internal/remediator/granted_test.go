package remediator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// TestTreat_AGrantTakenBackStopsTheNextHostCall: no beat comes within these
// tests, so that the answer is one that the call itself asked for.
func TestTreat_AGrantTakenBackStopsTheNextHostCall(t *testing.T) {
	t.Parallel()
	f := func(name string, between func(b *bench), code string, effects int) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, t.TempDir())
			b.hands.run = func(ctx context.Context, calls Caller) (vigil.ActionOutput, error) {
				if out, err := restart(ctx, calls); err != nil || !out.OK {
					t.Errorf("first call = %+v, %v", out, err)
				}
				b.set(func(*desk) { between(b) })
				return restart(ctx, calls)
			}
			b.start(t)
			l := leaseOf("rem-1", 1)
			l.Heartbeat = vigil.Duration(time.Minute)
			b.leases <- l
			rep := next(t, b.reports, "report")
			if rep.Code != code || b.count() != effects {
				t.Errorf("report = %+v after %d effects, want code %q after %d", rep, b.count(), code, effects)
			}
		})
	}
	f("taken-back", func(b *bench) { b.renewal.Grants = []vigil.Grant{} }, "capability_denied", 1)
	f("another-one-taken-back", func(b *bench) { b.renewal.Grants = []vigil.Grant{{ID: "g-2"}} }, "", 2)
	f("cancelled", func(b *bench) { b.renewal.Cancel = true }, "cancelled", 1)
	f("lease-lost", func(b *bench) { b.beatErr = vigil.Errorf(vigil.Conflict, "lease_lost", "not yours") }, "lease_lost", 1)
	f("collector-away", func(b *bench) { b.beatErr = errors.New("connection refused") }, "", 2)
	f("collector-does-not-say", func(b *bench) { b.renewal.Grants = nil }, "", 2)
}

func TestHold_KeepsTheNewestAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, t.TempDir())
	_, h := b.r.hold(t.Context(), *leaseOf("rem-1", 1))
	defer h.release()
	sent := time.Now().Add(time.Hour)
	h.renew(sent, flow.Renewal{Grants: []vigil.Grant{}})
	h.renew(sent.Add(-time.Minute), flow.Renewal{Grants: []vigil.Grant{{ID: "g-1"}}}) // overtaken
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.grants) != 0 || !h.answered.Equal(sent) {
		t.Errorf("grants %v as of %s, want none as of %s", h.grants, h.answered, sent)
	}
}
