package httpd

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func partRemediations(t Tenant) Remediations { return t.Remediations }

type idInput struct {
	ID string `path:"id"`
}

// remediations binds reading, requesting and deciding on remediations.
func (s *site) remediations() {
	type filterInput struct {
		Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
		State  string `query:"state"`
		Target string `query:"target"`
		Policy string `query:"policy"`
	}
	bind(s, "remediations.list", partRemediations, func(ctx context.Context, _ *request, p Remediations, in *filterInput) (*answer200[items[vigil.Remediation]], error) {
		if in.State != "" && vigil.State(in.State).Says() == "" {
			return nil, vigil.Errorf(vigil.Invalid, "parameter_invalid", "state: %q is no state; they are: %s", clip(in.State), states()).With("field", "query.state")
		}
		all, err := p.Remediations(ctx, flow.RemediationFilter{State: vigil.State(in.State), Target: in.Target, Policy: in.Policy, Limit: in.Limit})
		return listed(all), err
	})
	bind(s, "remediations.request", partRemediations, s.requestRemediation, takes[wishInput](s))
	type getInput struct {
		ID      string `path:"id"`
		Wait    string `query:"wait" enum:"running,action,end" doc:"answer when it runs, when its action has ended, or when all is over"`
		Timeout string `query:"timeout" doc:"answer after this time at the latest, for example 30s"`
	}
	bind(s, "remediations.get", partRemediations, func(ctx context.Context, _ *request, p Remediations, in *getInput) (*answerAny[vigil.Remediation], error) {
		rem, err := p.Remediation(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		out, err := s.await(ctx, p, rem, in.Wait, in.Timeout)
		if err != nil {
			return nil, err
		}
		out.Body.Preview, err = p.Preview(ctx, in.ID)
		return out, err
	})
	s.decide("remediations.cancel", Approvals.Cancel)
	bind(s, "remediations.undo", func(t Tenant) Approvals { return t.Approvals }, func(ctx context.Context, r *request, p Approvals, in *idInput) (*answer200[vigil.Remediation], error) {
		rem, err := p.Undo(ctx, in.ID, r.by.Name)
		return &answer200[vigil.Remediation]{Body: rem}, err
	})
	s.approve()
	s.decide("remediations.deny", Approvals.Deny)
}

// states lists the states of a remediation, for a message.
func states() string {
	var all []string
	for _, t := range vigil.Machine() {
		all = append(all, string(t.From))
	}
	return strings.Join(all, ", ")
}

// decide binds a person's word on a remediation, answered by its new state.
func (s *site) decide(id string, word func(p Approvals, ctx context.Context, id, by string) error) {
	bind(s, id, func(t Tenant) Approvals { return t.Approvals }, func(ctx context.Context, r *request, p Approvals, in *idInput) (*answer200[vigil.Remediation], error) {
		if err := word(p, ctx, in.ID, r.by.Name); err != nil {
			return nil, err
		}
		rem, err := r.tenant.Remediations.Remediation(ctx, in.ID)
		return &answer200[vigil.Remediation]{Body: rem}, err
	})
}

// approveInput names the version that a person saw, if they say.
type approveInput struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" maxLength:"32" doc:"the version of the remediation that was seen, in quotes; another one is not approved"`
}

// seenInput is the body of an approval; it may be empty.
type seenInput struct {
	Version int64 `json:"version,omitempty" doc:"as If-Match"`
}

func (s *site) approve() {
	optional := func(op *huma.Operation) {
		takes[seenInput](s)(op)
		op.RequestBody.Required = false
	}
	part := func(t Tenant) Approvals { return t.Approvals }
	bind(s, "remediations.approve", part, func(ctx context.Context, r *request, p Approvals, in *approveInput) (*answer200[vigil.Remediation], error) {
		version, err := seen(r, in.IfMatch)
		if err != nil {
			return nil, err
		}
		if err := p.Approve(ctx, in.ID, r.by.Name, version); err != nil {
			return nil, err
		}
		rem, err := r.tenant.Remediations.Remediation(ctx, in.ID)
		return &answer200[vigil.Remediation]{Body: rem}, err
	}, optional)
}

// seen is the version that the header or the body names, 0 if neither does.
func seen(r *request, match string) (int64, error) {
	var in seenInput
	if len(r.body) > 0 {
		var err error
		if in, err = bodyAs[seenInput](r); err != nil {
			return 0, err
		}
	}
	if match == "" || match == "*" {
		return in.Version, nonNegative(in.Version)
	}
	version, err := strconv.ParseInt(strings.Trim(match, `"`), 10, 64)
	if err != nil || in.Version != 0 && in.Version != version {
		version = -1
	}
	return version, nonNegative(version)
}

func nonNegative(version int64) error {
	if version < 0 {
		return vigil.Errorf(vigil.Invalid, "version_invalid", "If-Match and version: want the version of the remediation as it was read, the same in both").
			With("field", "version").Hinted(`If-Match: "3"`)
	}
	return nil
}

// wishInput is a person's request for a remediation. Who asks is not theirs to
// say.
type wishInput struct {
	Target vigil.Target `json:"target" example:"service:web"`
	Action string       `json:"action" doc:"the name of an action module, for example restart-service"`
	Reason string       `json:"reason,omitempty"`
	Key    string       `json:"key,omitempty" doc:"the same key again is the same remediation"`
}

type requestInput struct {
	Wait    string `query:"wait" enum:"running,action,end" doc:"as for reading one"`
	Timeout string `query:"timeout"`
	Key     string `header:"Idempotency-Key" maxLength:"128"`
}

func (s *site) requestRemediation(ctx context.Context, r *request, p Remediations, in *requestInput) (*answerAny[vigil.Remediation], error) {
	wish, err := bodyAs[wishInput](r)
	if err != nil {
		return nil, err
	}
	key := or(in.Key, wish.Key)
	if len(key) > 128 || len(wish.Reason) > 1024 || len(wish.Action) > 128 {
		return nil, vigil.Errorf(vigil.Invalid, "wish_invalid", "action and key have at most 128 bytes, reason 1024")
	}
	r.open()
	rem, err := p.Request(ctx, flow.Wish{
		By: r.by.Name, Target: wish.Target, Action: wish.Action, Reason: wish.Reason, Key: key, Trace: r.span.String(),
	})
	if err != nil {
		return nil, err
	}
	return s.await(ctx, p, rem, in.Wait, in.Timeout)
}

// open begins the request's span: what a person asks for is always traced.
func (r *request) open() {
	parent := r.trace
	if !parent.Valid() {
		parent = flow.NewTrace()
		parent.Span = flow.SpanID{} // our span is the root
	}
	r.trace = parent
	r.span = parent.Child()
	r.span.Sampled = true
}

// await answers 200 once the remediation is as far as asked, 202 and its
// present state when the time is over before.
func (s *site) await(ctx context.Context, p Remediations, rem vigil.Remediation, wait, timeout string) (*answerAny[vigil.Remediation], error) {
	until := reached(wait)
	if until(rem) {
		return &answerAny[vigil.Remediation]{Status: http.StatusOK, Body: rem}, nil
	}
	most, err := s.waitOf(timeout)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	now, err := p.Await(waiting, rem.ID, until)
	if err == nil {
		return &answerAny[vigil.Remediation]{Status: http.StatusOK, Body: now}, nil
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	rem, err = p.Remediation(ctx, rem.ID)
	return &answerAny[vigil.Remediation]{Status: http.StatusAccepted, Body: rem}, err
}

// reached is the condition that ?wait= names; without one, any state will do.
func reached(wait string) func(vigil.Remediation) bool {
	return func(r vigil.Remediation) bool {
		switch wait {
		case "running":
			return r.State == vigil.Running || r.State == vigil.Verifying || r.State.Final()
		case "action":
			return r.State == vigil.Verifying || r.State.Final()
		case "end":
			return r.State.Final()
		}
		return true
	}
}

// waitOf reads a long poll's wait, at most Limits.Poll.
func (s *site) waitOf(word string) (time.Duration, error) {
	if word == "" {
		return s.opt.Limits.Poll, nil
	}
	var d vigil.Duration
	if err := d.UnmarshalText([]byte(word)); err != nil {
		return 0, err
	}
	return min(d.D(), s.opt.Limits.Poll), nil
}
