package app

import (
	"context"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// weighed is how many of the newest episodes, and remediations, are looked at.
const weighed = 10_000

// effects tell of what use policies are, from what is kept of their past.
type effects struct {
	db       *sqlite.DB
	policies *policy.Engine
	now      func() time.Time
}

// Stats compares what a policy treated with what was left alone, of the episodes
// that fired since then.
func (e effects) Stats(ctx context.Context, name string, since time.Time) (vigil.PolicyStats, error) {
	if _, err := e.policies.Get(ctx, name); err != nil {
		return vigil.PolicyStats{}, err
	}
	all, err := e.db.EpisodesOf(ctx, name, weighed)
	if err != nil {
		return vigil.PolicyStats{}, fmt.Errorf("weigh policy %s: %w", name, err)
	}
	treated, err := e.db.Remediations(ctx, flow.RemediationFilter{Policy: name, Limit: weighed})
	if err != nil {
		return vigil.PolicyStats{}, fmt.Errorf("weigh policy %s: %w", name, err)
	}
	var episodes []vigil.Episode
	within := map[string]bool{}
	for _, ep := range all {
		if !ep.FiredAt.Before(since) {
			episodes, within[ep.ID] = append(episodes, ep), true
		}
	}
	var rems []vigil.Remediation
	for _, r := range treated {
		if within[r.Episode] {
			rems = append(rems, r)
		}
	}
	return audit.Learn(name, episodes, rems, e.now()), nil
}
