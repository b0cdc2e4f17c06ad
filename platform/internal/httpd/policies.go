package httpd

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func partPolicies(t Tenant) Policies { return t.Policies }

type nameInput struct {
	Name string `path:"name"`
}

type statsInput struct {
	Name  string `path:"name"`
	Since string `query:"since" doc:"only episodes that fired since so long ago, such as 12h or 30d; all that are kept without"`
}

// from is the time that since means.
func (in *statsInput) from(now time.Time) (time.Time, error) {
	if in.Since == "" {
		return time.Time{}, nil
	}
	var ago vigil.Duration
	if err := ago.UnmarshalText([]byte(in.Since)); err != nil || ago <= 0 {
		return time.Time{}, vigil.Errorf(vigil.Invalid, "parameter_invalid", "since: want a time such as 12h or 30d, not %.40q", in.Since).With("field", "since")
	}
	return now.Add(-ago.D()), nil
}

// policies binds the applied policies.
func (s *site) policies() {
	bind(s, "policies.list", partPolicies, func(ctx context.Context, _ *request, p Policies, _ *none) (*answer200[items[flow.PolicyRow]], error) {
		all, err := p.List(ctx)
		return listed(all), err
	})
	bind(s, "policies.get", partPolicies, func(ctx context.Context, _ *request, p Policies, in *nameInput) (*answer200[flow.PolicyRow], error) {
		row, err := p.Get(ctx, in.Name)
		return &answer200[flow.PolicyRow]{Body: row}, err
	})
	partEffects := func(t Tenant) Effects { return t.Effects }
	bind(s, "policies.stats", partEffects, func(ctx context.Context, r *request, p Effects, in *statsInput) (*answer200[vigil.PolicyStats], error) {
		since, err := in.from(r.started)
		if err != nil {
			return nil, err
		}
		stats, err := p.Stats(ctx, in.Name, since)
		return &answer200[vigil.PolicyStats]{Body: stats}, err
	})
	bind(s, "policies.delete", partPolicies, func(ctx context.Context, r *request, p Policies, in *nameInput) (*struct{}, error) {
		return nil, p.Delete(ctx, r.by.Name, in.Name)
	})
	bind(s, "policies.put", partPolicies, s.putPolicy, takes[vigil.Policy](s, "application/yaml"))
}

// applied is a policy in force, and what became of the one that was sent.
type applied struct {
	flow.PolicyRow
	Applied flow.Applied `json:"applied" enum:"created,changed,unchanged"`
}

func (s *site) putPolicy(ctx context.Context, r *request, p Policies, in *nameInput) (*answerAny[applied], error) {
	policy, err := s.policyOf(r)
	if err != nil {
		return nil, err
	}
	if policy.Name != in.Name {
		return nil, vigil.Errorf(vigil.Invalid, "policy_name_mismatch", "the policy's name is not the one in the path").With("field", "name")
	}
	row, did, err := p.Apply(ctx, r.by.Name, policy)
	status := http.StatusOK
	if did == flow.Created {
		status = http.StatusCreated
	}
	return &answerAny[applied]{Status: status, Body: applied{row, did}}, err
}

// policyOf reads a policy from JSON or YAML.
func (s *site) policyOf(r *request) (vigil.Policy, error) {
	doc := r.body
	if !jsonMedia(r.media) {
		if s.opt.YAML == nil || !yamlMedia(r.media) {
			return vigil.Policy{}, vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "a policy is JSON or YAML").
				Hinted("Content-Type: application/yaml")
		}
		var err error
		if doc, err = s.opt.YAML(doc); err != nil {
			return vigil.Policy{}, err
		}
	}
	if err := checkJSON(doc); err != nil {
		return vigil.Policy{}, err
	}
	return vigil.ParsePolicy(doc)
}

func yamlMedia(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	known := []string{"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"}
	return slices.Contains(known, strings.ToLower(strings.TrimSpace(media)))
}
