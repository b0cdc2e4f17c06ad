package remediator

import (
	"context"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Requester is where a person's wish goes: the healer here, or a client of it.
type Requester interface {
	Request(ctx context.Context, w flow.Wish) (vigil.Remediation, error)
	Await(ctx context.Context, id string, until func(vigil.Remediation) bool) (vigil.Remediation, error)
}

// Done is what a wish came to once its action ended well.
type Done struct {
	Status      string // the deed in the past tense: restarted
	Remediation string
	Took        time.Duration // of the action alone
}

// Remediate asks for action (restart, start, stop or reload) on a service of
// this host in by's name, as part of trace, and returns when the action ended.
// The same guards and the same audit hold as for a policy's remediation.
func (r *Remediator) Remediate(ctx context.Context, via Requester, service, action, by, trace string) (Done, error) {
	past, ok := pastTense(action)
	if !ok {
		return Done{}, vigil.Errorf(vigil.Invalid, "action_unknown", "no action %.100q; have: reload, restart, start, stop", action)
	}
	target, err := vigil.ParseTarget("service:" + service)
	if err != nil || target.Host != "" {
		return Done{}, vigil.Errorf(vigil.Invalid, "target_out_of_scope", "%.200q is no service name", service)
	}
	rem, err := via.Request(ctx, flow.Wish{By: by, Target: target, Action: action + "-service", Trace: trace, Reason: by + " asked for it"})
	if err != nil {
		return Done{}, err
	}
	rem, err = via.Await(ctx, rem.ID, func(x vigil.Remediation) bool { return x.State == vigil.Verifying || x.State.Final() })
	if err != nil {
		return Done{}, err
	}
	last := rem.Current()
	switch {
	case last != nil && last.OK:
		return Done{Status: past, Remediation: rem.ID, Took: last.EndedAt.Sub(last.StartedAt)}, nil
	case last != nil:
		return Done{}, vigil.Errorf(vigil.Conflict, "action_failed", "%s %s: %s", action, service, last.Message).
			With("remediation", rem.ID).With("cause", last.Code).Hinted("vigil remediation show %s", rem.ID)
	}
	return Done{}, vigil.Errorf(vigil.Conflict, "not_started", "remediation %s %s", rem.ID, rem.State.Says()).
		With("remediation", rem.ID).Hinted("vigil remediation show %s", rem.ID)
}

func pastTense(action string) (string, bool) {
	switch action {
	case "restart", "start", "reload":
		return action + "ed", true
	case "stop":
		return "stopped", true
	}
	return "", false
}
