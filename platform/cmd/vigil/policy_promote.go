package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

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
			found, err := api.PolicyStats(cmd.Context(), p.Name, 0)
			if err != nil {
				return err
			}
			sayEvidence(c.err, found, p.Mode)
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

// sayEvidence tells what a policy did so far in a few lines.
func sayEvidence(w io.Writer, s vigil.PolicyStats, mode vigil.Mode) {
	fired := s.Treated.Episodes + s.LeftAlone.Episodes
	if fired == 0 {
		fmt.Fprintln(w, "no evidence: it has not fired yet")
		return
	}
	did := "fired"
	if mode == vigil.Shadow {
		did = "would have acted"
	}
	fmt.Fprintf(w, "it %s %s since %s\n", did, times(fired), s.Since.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "  %s it was over and nothing had been done: an action would have been needless\n", times(s.LeftAlone.Recovered))
	fmt.Fprintf(w, "  %s it acted: %d healed, %d did not\n", times(s.Healed+s.Failed+s.Unclear), s.Healed, s.Failed+s.Unclear)
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
