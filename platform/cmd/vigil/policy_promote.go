package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxEvidence is how many of the newest episodes and remediations are weighed.
const maxEvidence = 1000

func (c *cli) policyPromote() *cobra.Command {
	var yes bool
	var to string
	cmd := &cobra.Command{
		Use: "promote NAME", Short: "Let a policy go one step further, on the evidence", Args: cobra.ExactArgs(1),
		Long: `Let a policy go one step further: from shadow to suggest, from suggest to auto. It
shows what the policy did, or would have done, and asks. A step back is
vigil policy mode NAME MODE.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			p, err := api.Policy(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			stopped, err := api.Breakers(cmd.Context())
			if err != nil {
				return err
			}
			next, err := promoted(p.Policy, vigil.Mode(to), stopped)
			if err != nil {
				return err
			}
			found, err := weigh(cmd.Context(), api, p.Name)
			if err != nil {
				return err
			}
			found.say(c.err, p.Mode)
			if !yes {
				if err := c.saysYes(fmt.Sprintf("promote %s from %s to %s?", p.Name, p.Mode, next)); err != nil {
					return vigil.AsError(err).Hinted("where nobody can be asked: vigil policy promote %s --yes", p.Name)
				}
			}
			p.Mode = next
			return c.apply(cmd, p.Policy)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringVar(&to, "to", "", "the `mode` that is meant; anything but the next one is refused")
	return cmd
}

// promoted is the mode one step further, unless another one is meant or a breaker
// says that this one was too far.
func promoted(p vigil.Policy, to vigil.Mode, stopped []vigil.Breaker) (vigil.Mode, error) {
	ladder := []vigil.Mode{vigil.Disabled, vigil.Shadow, vigil.Suggest, vigil.Auto}
	at := slices.Index(ladder, p.Mode)
	if at == len(ladder)-1 {
		return "", vigil.Errorf(vigil.Conflict, "promotion_done", "policy %s is in %s already: there is no further step", p.Name, p.Mode).Hinted("vigil policy ls")
	}
	next := ladder[at+1]
	if to != "" && to != next {
		return "", vigil.Errorf(vigil.Conflict, "promotion_step", "policy %s is in %s: the next step is %s, not %.20q", p.Name, p.Mode, next, to).
			Hinted("vigil policy promote %s", p.Name)
	}
	for _, b := range stopped {
		if b.Policy == p.Name && b.Why != vigil.WhyStorm {
			return "", vigil.Errorf(vigil.Conflict, "promotion_stopped", "policy %s is stopped (%s): %s", p.Name, b.Why, b.Detail).Hinted("vigil breaker ls")
		}
	}
	return next, p.Check()
}

// evidence is what became of the newest episodes that a policy fired for.
type evidence struct {
	fired, alone int       // episodes; of those, ended and nobody acted: an action would have been needless
	acted        int       // remediations that acted
	healed, not  int       // of those
	since        time.Time // the oldest of all
}

// weigh gathers the evidence on a policy.
func weigh(ctx context.Context, api *client.Client, policy string) (evidence, error) {
	var e evidence
	rems, err := api.Remediations(ctx, client.Filter{Policy: policy, Limit: maxEvidence})
	if err != nil {
		return e, err
	}
	treated := map[string]bool{}
	for _, r := range rems {
		if !slices.ContainsFunc(r.Attempts, func(a vigil.Attempt) bool { return !a.StartedAt.IsZero() }) {
			continue
		}
		treated[r.Episode] = true
		e.acted++
		switch {
		case r.State == vigil.Healed:
			e.healed++
		case r.State.Final():
			e.not++
		}
	}
	eps, err := api.Episodes(ctx, maxEvidence)
	if err != nil {
		return e, err
	}
	for _, ep := range eps {
		if ep.Policy != policy || ep.FiredAt.IsZero() {
			continue
		}
		e.fired++
		if !ep.EndedAt.IsZero() && !treated[ep.ID] {
			e.alone++
		}
		if e.since.IsZero() || ep.FiredAt.Before(e.since) {
			e.since = ep.FiredAt
		}
	}
	return e, nil
}

// say tells the evidence in a few lines.
func (e evidence) say(w io.Writer, mode vigil.Mode) {
	if e.fired == 0 {
		fmt.Fprintln(w, "no evidence: it has not fired yet")
		return
	}
	did := "fired"
	if mode == vigil.Shadow {
		did = "would have acted"
	}
	fmt.Fprintf(w, "it %s %s since %s\n", did, times(e.fired), e.since.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "  %s it was over and nothing had been done: an action would have been needless\n", times(e.alone))
	fmt.Fprintf(w, "  %s it acted: %d healed, %d did not\n", times(e.acted), e.healed, e.not)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// saysYes asks whoever types, and takes only a yes for one.
func (c *cli) saysYes(question string) error {
	fmt.Fprint(c.err, question+" [y/N] ")
	yes, err := isYes(c.in)
	if err != nil || yes {
		return err
	}
	fmt.Fprintln(c.err)
	return vigil.Errorf(vigil.Conflict, "not_approved", "nobody said yes: %s", strings.TrimSuffix(question, "?"))
}
