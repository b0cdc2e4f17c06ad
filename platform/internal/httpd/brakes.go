package httpd

import (
	"context"
	"net/http"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// brakes binds pauses and windows of maintenance.
func (s *site) brakes() {
	part := func(t Tenant) Brakes { return t.Brakes }
	bind(s, "pauses.list", part, func(_ context.Context, _ *request, p Brakes, _ *none) (*answer200[items[vigil.Pause]], error) {
		pauses, _ := p.Brakes()
		return listed(pauses), nil
	})
	bind(s, "pauses.set", part, setPause, takes[pauseInput](s))
	bind(s, "pauses.lift", part, func(ctx context.Context, r *request, p Brakes, in *idInput) (*answer200[items[vigil.Pause]], error) {
		remain, err := p.Resume(ctx, in.ID, r.by.Name)
		return listed(remain), err
	})
	bind(s, "maintenance.list", part, func(_ context.Context, _ *request, p Brakes, _ *none) (*answer200[items[vigil.Window]], error) {
		_, windows := p.Brakes()
		return listed(windows), nil
	})
	bind(s, "maintenance.set", part, setMaintenance, takes[windowInput](s))
	bind(s, "maintenance.remove", part, func(ctx context.Context, r *request, p Brakes, in *nameInput) (*struct{}, error) {
		return nil, p.RemoveMaintenance(ctx, in.Name, r.by.Name)
	})
}

// pauseInput is a person's wish for a pause. Who asks is not theirs to say; for
// whom they ask is.
type pauseInput struct {
	Reason string          `json:"reason" example:"moving the database"`
	Holder string          `json:"holder,omitempty" doc:"who wants it, for example a change's number; default the caller"`
	Policy string          `json:"policy,omitempty" doc:"only what this policy asks for"`
	Target string          `json:"target,omitempty" doc:"only these targets" example:"service:web@*"`
	For    *vigil.Duration `json:"for,omitempty" doc:"how long; default until somebody lifts it" example:"1h"`
	Until  time.Time       `json:"until,omitzero" doc:"until when, in place of for"`
}

func setPause(ctx context.Context, r *request, p Brakes, _ *none) (*answerAny[vigil.Pause], error) {
	in, err := bodyAs[pauseInput](r)
	if err != nil {
		return nil, err
	}
	length, err := lasting(in.For, in.Until)
	if err != nil {
		return nil, err
	}
	scope := vigil.Scope{Policy: in.Policy, Target: in.Target}
	if err := known(ctx, r, scope); err != nil {
		return nil, err
	}
	set, err := p.Pause(ctx, vigil.Pause{Holder: in.Holder, By: r.by.Name, Reason: in.Reason, Scope: scope, Expires: in.Until}, length)
	return &answerAny[vigil.Pause]{Status: http.StatusCreated, Body: set}, err
}

// windowInput is a person's wish for a window of maintenance.
type windowInput struct {
	Name     string          `json:"name" example:"weekly-backup"`
	Reason   string          `json:"reason,omitempty"`
	Policy   string          `json:"policy,omitempty" doc:"only what this policy asks for"`
	Target   string          `json:"target,omitempty" doc:"only these targets" example:"host:db-2"`
	Cron     string          `json:"cron,omitempty" doc:"minute hour day month weekday" example:"0 2 * * SUN"`
	Duration vigil.Duration  `json:"duration,omitempty" doc:"of each opening" example:"2h"`
	TZ       string          `json:"tz,omitempty" doc:"whose clocks cron means; default UTC" example:"Europe/Berlin"`
	From     time.Time       `json:"from,omitzero" doc:"of a window for once; default now"`
	Until    time.Time       `json:"until,omitzero" doc:"of a window for once"`
	For      *vigil.Duration `json:"for,omitempty" doc:"of a window for once, in place of until" example:"30m"`
}

func setMaintenance(ctx context.Context, r *request, p Brakes, _ *none) (*answerAny[vigil.Window], error) {
	in, err := bodyAs[windowInput](r)
	if err != nil {
		return nil, err
	}
	length, err := lasting(in.For, in.Until)
	switch {
	case err != nil:
		return nil, err
	case length != 0 && in.Cron != "":
		return nil, vigil.Errorf(vigil.Invalid, "maintenance_invalid", "a window has a schedule or one time, not both").With("field", "for").
			Hinted("a schedule has a duration: --cron '0 2 * * SUN' --duration 2h")
	}
	scope := vigil.Scope{Policy: in.Policy, Target: in.Target}
	if err := known(ctx, r, scope); err != nil {
		return nil, err
	}
	set, err := p.SetMaintenance(ctx, vigil.Window{
		Name: in.Name, By: r.by.Name, Reason: in.Reason, Scope: scope,
		Cron: in.Cron, Duration: in.Duration, TZ: in.TZ, From: in.From, Until: in.Until,
	}, length)
	return &answerAny[vigil.Window]{Status: http.StatusCreated, Body: set}, err
}

// lasting is how long somebody said, 0 if they did not.
func lasting(d *vigil.Duration, until time.Time) (vigil.Duration, error) {
	switch {
	case d == nil:
		return 0, nil
	case *d <= 0:
		return 0, vigil.Errorf(vigil.Invalid, "duration_invalid", "for: it would be over at once").With("field", "for").Hinted("give a time such as 1h")
	case !until.IsZero():
		return 0, vigil.Errorf(vigil.Invalid, "duration_invalid", "for and until: say one of them").With("field", "for")
	}
	return *d, nil
}

// known refuses a scope of a policy that is not there: a pause with a typing
// error in it would hold nothing.
func known(ctx context.Context, r *request, s vigil.Scope) error {
	if err := s.Check(); err != nil || s.Policy == "" || r.tenant.Policies == nil {
		return err
	}
	_, err := r.tenant.Policies.Get(ctx, s.Policy)
	return err
}
