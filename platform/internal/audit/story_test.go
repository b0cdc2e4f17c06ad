package audit_test

import (
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func treated() vigil.Remediation {
	at := func(ms int) time.Time { return time.Unix(1_700_000_000, 0).Add(time.Duration(ms) * time.Millisecond) }
	return vigil.Remediation{
		ID: "rem-1", Origin: vigil.FromPolicy, By: "policy:cpu-high", Policy: "cpu-high", Value: 0.95, State: vigil.Healed,
		Target:     vigil.Target{Kind: "service", Name: "backend", Host: "host-1"},
		ReceivedAt: at(0), CreatedAt: at(2), EndedAt: at(4230),
		Attempts: []vigil.Attempt{{
			N: 1, Action: "restart-service", Remediator: "local", LeasedAt: at(2), StartedAt: at(5), EndedAt: at(80), OK: true,
			Calls: []vigil.HostCall{{Op: "service.restart", Target: "service:backend", StartedAt: at(6)}},
		}},
	}
}

func TestStory_IsOneSentence(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(r *vigil.Remediation)) {
		t.Helper()
		r := treated()
		change(&r)
		if got, _ := audit.Story(r); got != want {
			t.Errorf("Story = %q, want %q", got, want)
		}
	}
	f("Vigil restarted backend on host-1 after cpu-high fired at 0.95; healed in 4.2s.", func(*vigil.Remediation) {})
	f("Vigil restarted backend on host-1 because local asked; it waits for fresh samples to show whether it healed.", func(r *vigil.Remediation) {
		r.Origin, r.By, r.State = vigil.FromPerson, "local", vigil.Verifying
	})
	f("Vigil tried to restart backend on host-1 after cpu-high fired at 0.95; it did not heal its target: no such unit.", func(r *vigil.Remediation) {
		r.State, r.Attempts[0].OK, r.Attempts[0].Message = vigil.Failed, false, "no such unit"
	})
	f("Vigil left backend on host-1 alone after cpu-high fired at 0.95; it was skipped before it started: the episode resolved.", func(r *vigil.Remediation) {
		r.State, r.Attempts, r.Hold = vigil.Skipped, nil, &vigil.Hold{Reason: vigil.BlockResolved, Detail: "the episode resolved"}
	})
	f("Vigil tried to restart, then ran fail-over on backend on host-1 after cpu-high fired at 0.95; healed in 4.2s.", func(r *vigil.Remediation) {
		r.Attempts[0].OK = false
		next := r.Attempts[0]
		next.Action, next.OK = "fail-over", true
		r.Attempts = append(r.Attempts, next)
	})
}

func TestStory_TimelineIsInOrderWithDurations(t *testing.T) {
	t.Parallel()
	_, timeline := audit.Story(treated())
	want := []struct {
		what  string
		since time.Duration
	}{
		{"sample received", 0},
		{"planned", 2 * time.Millisecond},
		{"attempt 1 leased", 0},
		{"restart-service started", 3 * time.Millisecond},
		{"service.restart", time.Millisecond},
		{"restart-service ended well", 74 * time.Millisecond},
		{"healed", 4150 * time.Millisecond},
	}
	if len(timeline) != len(want) {
		t.Fatalf("timeline has %d entries, want %d: %+v", len(timeline), len(want), timeline)
	}
	for i, w := range want {
		if got := timeline[i]; got.What != w.what || got.Since.D() != w.since {
			t.Errorf("entry %d = %q after %s, want %q after %s", i, got.What, got.Since, w.what, w.since)
		}
	}
}
