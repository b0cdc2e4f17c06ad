package remediator

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// healer answers every wish with one remediation, whose states it has been told.
type healer struct {
	wish flow.Wish
	end  vigil.Remediation
	err  error
}

func (h *healer) Request(_ context.Context, w flow.Wish) (vigil.Remediation, error) {
	h.wish = w
	return vigil.Remediation{ID: "rem-1", State: vigil.Planned}, h.err
}

func (h *healer) Await(_ context.Context, _ string, until func(vigil.Remediation) bool) (vigil.Remediation, error) {
	if until(vigil.Remediation{State: vigil.Running}) || !until(h.end) {
		return h.end, vigil.Errorf(vigil.Timeout, "await_timeout", "waits for the wrong state")
	}
	return h.end, nil
}

func TestRemediate(t *testing.T) {
	t.Parallel()
	r := newBench(t, t.TempDir()).r
	at := time.Unix(1, 0)
	done := []vigil.Attempt{{OK: true, StartedAt: at, EndedAt: at.Add(time.Second)}}
	f := func(name, service, action string, h healer, status, code, says string) {
		t.Helper()
		got, err := r.Remediate(t.Context(), &h, service, action, "local", "")
		if got.Status != status || vigil.CodeOf(err) != code || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: Remediate = %+v, %v, want status %q or code %q with %q", name, got, err, status, code, says)
		}
	}
	verifying := vigil.Remediation{ID: "rem-1", State: vigil.Verifying, Attempts: done}
	f("restart", "web", "restart", healer{end: verifying}, "restarted", "", "")
	f("stop", "web", "stop", healer{end: verifying}, "stopped", "", "")
	f("unknown action", "web", "wipe", healer{}, "", "action_unknown", "have: reload, restart, start, stop")
	f("no service name", "--all", "restart", healer{}, "", "target_out_of_scope", "--all")
	f("other host", "web@h2", "restart", healer{}, "", "target_out_of_scope", "web@h2")
	f("held", "web", "restart", healer{err: vigil.Errorf(vigil.Held, "held", "cooldown")}, "", "held", "cooldown")
	f("action failed", "web", "restart", healer{end: vigil.Remediation{
		ID: "rem-1", State: vigil.Failed, Attempts: []vigil.Attempt{{Code: "start_failed", Message: "port in use"}},
	}}, "", "action_failed", "port in use")
	f("never started", "web", "restart", healer{end: vigil.Remediation{ID: "rem-1", State: vigil.Cancelled}}, "", "not_started", "was cancelled")

	h := &healer{end: verifying}
	got, err := r.Remediate(t.Context(), h, "web", "restart", "ann", "trace")
	if err != nil || got.Took != time.Second || got.Remediation != "rem-1" {
		t.Errorf("Remediate = %+v, %v, want one second of rem-1", got, err)
	}
	if h.wish.Action != "restart-service" || h.wish.By != "ann" || h.wish.Trace != "trace" || h.wish.Target.String() != "service:web" {
		t.Errorf("wish = %+v", h.wish)
	}
}
