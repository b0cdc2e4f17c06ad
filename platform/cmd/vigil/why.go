package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// whyEpisodes is how many of the newest episodes are looked through: as many as
// the collector lists at once.
const whyEpisodes = 1000

func (c *cli) why() *cobra.Command {
	return &cobra.Command{
		Use:   "why TARGET|EPISODE|REMEDIATION|POLICY",
		Short: "Say why Vigil did, or did not, act",
		Long: `Say why Vigil did, or did not, act: what a policy found, what was done about it,
what holds it back, and when that is looked at again.

Of a policy it tells what it was kept from speaking of, such as a series that names
no target. Of a target it tells the newest episode of each policy; without a host, those of
all hosts. It looks through the newest 1,000 episodes.`,
		Example: "  vigil why service:web\n  vigil why rem-4k2j9q8x7m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			answers, err := answer(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if len(answers) == 0 {
				return c.calm(cmd.Context(), api, args[0])
			}
			return c.print(answers, func(w io.Writer) { answersTo(w, answers) })
		},
	}
}

func answersTo(w io.Writer, answers []audit.Why) {
	for i, a := range answers {
		if i > 0 {
			row(w)
		}
		for _, s := range a.Sentences {
			row(w, s)
		}
		if a.Next != "" {
			row(w, "See: "+a.Next)
		}
	}
}

// answer answers for what somebody asks about, the newest first.
func answer(ctx context.Context, api *client.Client, what string) ([]audit.Why, error) {
	if strings.HasPrefix(what, "rem-") {
		r, err := api.Remediation(ctx, what)
		if err != nil {
			return nil, err
		}
		if r.Origin != vigil.FromPolicy {
			return []audit.Why{audit.ExplainWish(r)}, nil
		}
		what = r.Episode
	}
	if !strings.ContainsAny(what, ":") && !strings.HasPrefix(what, "ep-") {
		if p, err := api.Policy(ctx, what); err == nil {
			return strayed(ctx, api, p.Name)
		}
	}
	episodes, err := asked(ctx, api, what)
	if err != nil {
		return nil, err
	}
	var answers []audit.Why
	for _, ep := range episodes {
		w, err := explain(ctx, api, ep)
		if err != nil {
			return nil, err
		}
		answers = append(answers, w)
	}
	return answers, nil
}

// strayed answers for a policy: what it wanted to speak of beyond its scope.
func strayed(ctx context.Context, api *client.Client, policy string) ([]audit.Why, error) {
	records, err := api.AuditFor(ctx, policy)
	if err != nil {
		return nil, err
	}
	return []audit.Why{audit.ExplainPolicy(policy, records)}, nil
}

// asked finds the episodes that somebody asks about.
func asked(ctx context.Context, api *client.Client, what string) ([]vigil.Episode, error) {
	var match func(vigil.Episode) bool
	switch {
	case strings.HasPrefix(what, "ep-"):
		match = func(ep vigil.Episode) bool { return ep.ID == what }
	default:
		t, err := vigil.ParseTarget(what)
		if err != nil {
			return nil, err
		}
		told := map[string]bool{} // each policy and target once
		match = func(ep vigil.Episode) bool {
			if ep.Target != t && (t.Host != "" || ep.Target.Kind != t.Kind || ep.Target.Name != t.Name) || told[ep.Fingerprint()] {
				return false
			}
			told[ep.Fingerprint()] = true
			return true
		}
	}
	all, err := api.Episodes(ctx, whyEpisodes)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(ep vigil.Episode) bool { return !match(ep) })
	if len(all) == 0 && strings.HasPrefix(what, "ep-") {
		return nil, vigil.Errorf(vigil.NotFound, "episode_unknown", "none of the newest %d episodes is %.40q", whyEpisodes, what).Hinted("vigil target ls")
	}
	return all, nil
}

// explain reads all that is known of an episode.
func explain(ctx context.Context, api *client.Client, ep vigil.Episode) (audit.Why, error) {
	treated, err := api.Remediations(ctx, client.Filter{Policy: ep.Policy, Limit: 1000})
	if err != nil {
		return audit.Why{}, err
	}
	treated = slices.DeleteFunc(treated, func(r vigil.Remediation) bool { return r.Episode != ep.ID })
	records, err := api.AuditFor(ctx, ep.ID)
	if err != nil {
		return audit.Why{}, err
	}
	return audit.Explain(ep, treated, records, time.Now()), nil
}

// calm answers for a target that no policy found bad.
func (c *cli) calm(ctx context.Context, api *client.Client, what string) error {
	t, err := vigil.ParseTarget(what)
	if err != nil {
		return err
	}
	known, err := api.Targets(ctx)
	if err != nil {
		return err
	}
	known = slices.DeleteFunc(known, func(k vigil.KnownTarget) bool {
		return k.Target != t && (t.Host != "" || k.Target.Kind != t.Kind || k.Target.Name != t.Name)
	})
	if len(known) == 0 {
		return vigil.Errorf(vigil.NotFound, "target_unknown", "no policy watches %s: none has judged a sample of it", t).Hinted("vigil target ls")
	}
	return c.print([]audit.Why{}, func(w io.Writer) {
		row(w, "No policy has found "+t.String()+" bad of late, so there was nothing to do. These watch it:")
		targetRows(w, known)
	})
}
