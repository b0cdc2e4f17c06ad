package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// reasons tell why something was, or was not, acted on, from all that is kept.
type reasons struct {
	db       *sqlite.DB
	policies *policy.Engine
	targets  inventory
	now      func() time.Time
}

// Why answers for a target, an episode or a remediation by its id, or a policy.
func (r reasons) Why(ctx context.Context, of string) (vigil.Reasons, error) {
	said := vigil.Reasons{About: of}
	var err error
	switch {
	case strings.HasPrefix(of, "rem-"):
		said.Answers, err = r.ofRemediation(ctx, of)
	case strings.HasPrefix(of, "ep-"):
		said.Answers, err = r.ofEpisode(ctx, of)
	case !strings.Contains(of, ":"):
		said.Answers, err = r.ofPolicy(ctx, of)
	default:
		said.Answers, said.Watched, err = r.ofTarget(ctx, of)
	}
	if err == nil && said.Answers == nil {
		said.Answers = []vigil.Why{}
	}
	return said, err
}

func (r reasons) ofRemediation(ctx context.Context, id string) ([]vigil.Why, error) {
	rem, err := r.db.Remediation(ctx, id)
	if err != nil {
		return nil, err
	}
	if rem.Origin != vigil.FromPolicy {
		return []vigil.Why{audit.ExplainWish(rem)}, nil
	}
	return r.ofEpisode(ctx, rem.Episode)
}

func (r reasons) ofEpisode(ctx context.Context, id string) ([]vigil.Why, error) {
	ep, err := r.db.Episode(ctx, id)
	if err != nil {
		return nil, err
	}
	w, err := r.explain(ctx, ep)
	return []vigil.Why{w}, err
}

// ofPolicy answers for what a policy wanted to speak of beyond its scope.
func (r reasons) ofPolicy(ctx context.Context, name string) ([]vigil.Why, error) {
	if _, err := r.policies.Get(ctx, name); err != nil {
		if _, bad := vigil.ParseTarget(name); bad != nil && vigil.CodeOf(err) == "policy_not_found" {
			return nil, bad // it says what can be asked for
		}
		return nil, err
	}
	records, err := r.db.AuditFor(ctx, name)
	if err != nil {
		return nil, err
	}
	return []vigil.Why{audit.ExplainPolicy(name, records)}, nil
}

// ofTarget answers for the newest episode of each policy that found a target bad,
// or says what watches it.
func (r reasons) ofTarget(ctx context.Context, name string) (answers []vigil.Why, watched []vigil.KnownTarget, err error) {
	t, err := vigil.ParseTarget(name)
	if err != nil {
		return nil, nil, err
	}
	episodes, err := r.db.EpisodesAt(ctx, t.String(), weighed)
	if err != nil {
		return nil, nil, err
	}
	told := map[string]bool{}
	for _, ep := range episodes {
		if told[ep.Fingerprint()] {
			continue
		}
		told[ep.Fingerprint()] = true
		w, err := r.explain(ctx, ep)
		if err != nil {
			return nil, nil, err
		}
		answers = append(answers, w)
	}
	if len(answers) > 0 {
		return answers, nil, nil
	}
	known, err := r.targets.Targets(ctx)
	if err != nil {
		return nil, nil, err
	}
	known = slices.DeleteFunc(known, func(k vigil.KnownTarget) bool {
		return k.Target != t && (t.Host != "" || k.Target.Kind != t.Kind || k.Target.Name != t.Name)
	})
	if len(known) == 0 {
		return nil, nil, vigil.Errorf(vigil.NotFound, "target_unknown", "no policy watches %s: none has judged a sample of it", t).Hinted("vigil target ls")
	}
	return nil, known, nil
}

// explain reads all that is known of an episode.
func (r reasons) explain(ctx context.Context, ep vigil.Episode) (vigil.Why, error) {
	treated, err := r.db.Remediations(ctx, flow.RemediationFilter{Policy: ep.Policy, Limit: weighed})
	if err != nil {
		return vigil.Why{}, fmt.Errorf("explain episode %s: %w", ep.ID, err)
	}
	treated = slices.DeleteFunc(treated, func(rem vigil.Remediation) bool { return rem.Episode != ep.ID })
	records, err := r.db.AuditFor(ctx, ep.ID)
	if err != nil {
		return vigil.Why{}, fmt.Errorf("explain episode %s: %w", ep.ID, err)
	}
	var mode vigil.Mode
	if p, err := r.policies.Get(ctx, ep.Policy); err == nil { // it may be gone
		mode = p.Mode
	}
	return audit.Explain(ep, treated, records, mode, r.now()), nil
}
