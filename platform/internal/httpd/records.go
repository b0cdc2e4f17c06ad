package httpd

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func partJudgements(t Tenant) Judgements { return t.Judgements }

type limitInput struct {
	Limit int `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

// judgements binds what policies found.
func (s *site) judgements() {
	bind(s, "episodes.list", partJudgements, func(ctx context.Context, _ *request, p Judgements, in *limitInput) (*answer200[items[vigil.Episode]], error) {
		all, err := p.Episodes(ctx, in.Limit)
		return listed(all), err
	})
	type ofPolicy struct {
		Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
		Policy string `query:"policy"`
	}
	bind(s, "decisions.list", partJudgements, func(ctx context.Context, _ *request, p Judgements, in *ofPolicy) (*answer200[items[vigil.Decision]], error) {
		all, err := p.Decisions(ctx, in.Policy, in.Limit)
		return listed(all), err
	})
	type about struct {
		Of string `query:"of" maxLength:"512" doc:"a target, or the id of an episode or a remediation, or a policy's name"`
	}
	bind(s, "why", func(t Tenant) Reasons { return t.Reasons }, func(ctx context.Context, _ *request, p Reasons, in *about) (*answer200[vigil.Reasons], error) {
		said, err := p.Why(ctx, in.Of)
		return &answer200[vigil.Reasons]{Body: said}, err
	})
	bind(s, "decisions.get", partJudgements, func(ctx context.Context, _ *request, p Judgements, in *idInput) (*answer200[vigil.Decision], error) {
		d, err := p.Decision(ctx, in.ID)
		return &answer200[vigil.Decision]{Body: d}, err
	})
}

// records binds remediators, the audit log and the kill switch.
func (s *site) records() {
	bind(s, "remediators.list", func(t Tenant) Remediators { return t.Remediators }, func(ctx context.Context, _ *request, p Remediators, _ *none) (*answer200[items[vigil.Remediator]], error) {
		all, err := p.Remediators(ctx)
		return listed(all), err
	})
	type afterInput struct {
		Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
		After  int64  `query:"after" minimum:"-1" doc:"only records with a higher seq; -1: the newest ones"`
		Object string `query:"object" doc:"instead, all records about this object"`
	}
	partRecords := func(t Tenant) Records { return t.Records }
	bind(s, "audit.list", partRecords, func(ctx context.Context, _ *request, p Records, in *afterInput) (*answer200[items[vigil.AuditRecord]], error) {
		if in.Object != "" {
			all, err := p.AuditFor(ctx, in.Object)
			return listed(all), err
		}
		all, err := p.Audit(ctx, in.After, in.Limit)
		return listed(all), err
	})
	type checkInput struct {
		Limit int   `query:"limit" default:"10000" minimum:"1" maximum:"100000"`
		After int64 `query:"after" minimum:"0" doc:"go on behind this record, which an earlier check found sound"`
	}
	bind(s, "audit.verify", partRecords, func(ctx context.Context, _ *request, p Records, in *checkInput) (*answer200[vigil.AuditCheck], error) {
		check, err := p.AuditCheck(ctx, in.After, in.Limit)
		return &answer200[vigil.AuditCheck]{Body: check}, err
	})
	partSwitch := func(t Tenant) KillSwitch { return t.KillSwitch }
	bind(s, "killswitch.get", partSwitch, func(_ context.Context, _ *request, p KillSwitch, _ *none) (*answer200[flow.KillSwitch], error) {
		return &answer200[flow.KillSwitch]{Body: p.KillSwitch()}, nil
	})
	bind(s, "killswitch.set", partSwitch, setKillSwitch, takes[switchInput](s))
}

// switchInput is what a person says of the kill switch.
type switchInput struct {
	Engaged bool   `json:"engaged"`
	Reason  string `json:"reason,omitempty" maxLength:"1024"`
}

func setKillSwitch(ctx context.Context, r *request, p KillSwitch, _ *none) (*answer200[flow.KillSwitch], error) {
	in, err := bodyAs[switchInput](r)
	if err != nil {
		return nil, err
	}
	if len(in.Reason) > 1024 {
		return nil, vigil.Errorf(vigil.Invalid, "reason_too_long", "a reason has at most 1024 bytes").With("field", "reason")
	}
	k := flow.KillSwitch{Engaged: in.Engaged, By: r.by.Name, Reason: in.Reason, At: r.started}
	if err := p.SetKillSwitch(ctx, k); err != nil {
		return nil, err
	}
	return &answer200[flow.KillSwitch]{Body: p.KillSwitch()}, nil
}
