package main

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) policyStats() *cobra.Command {
	var since vigil.Duration
	cmd := &cobra.Command{
		Use: "stats NAME", Short: "Show whether what a policy did was of use", Args: cobra.ExactArgs(1),
		Long: `Show whether what a policy did was of use: how the episodes that it acted in went,
beside those that were left alone (in shadow, held by a guard, or never agreed to).

Needless is the share of recoveries after an action that would have come as soon
without. It is estimated from how long trouble lasted while nobody acted, and
unknown below five episodes of either kind. Of each kind the newest ten thousand
that are kept count.`,
		Example: "  vigil policy stats cpu-high --since 30d",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			s, err := api.PolicyStats(cmd.Context(), args[0], since.D())
			if err != nil {
				return err
			}
			return c.print(s, func(w io.Writer) { drawStats(w, s) })
		},
	}
	cmd.Flags().TextVar(&since, "since", vigil.Duration(0), "count only episodes that fired since so long `ago`, such as 12h or 30d")
	return cmd
}

func drawStats(w io.Writer, s vigil.PolicyStats) {
	if s.Treated.Episodes+s.LeftAlone.Episodes == 0 {
		row(w, s.Policy+" has not fired yet")
		return
	}
	row(w, "SINCE "+s.Since.UTC().Format(time.RFC3339), "EPISODES", "RECOVERED", "MEDIAN", "P90")
	for _, r := range []struct {
		name string
		vigil.Recoveries
	}{{"treated", s.Treated}, {"left alone", s.LeftAlone}} {
		row(w, r.name, r.Episodes, r.Recovered, timed(r.Median, r.Recovered), timed(r.P90, r.Recovered))
	}
	row(w, "")
	row(w, fmt.Sprintf("remediations that acted: %d healed, %d failed, %d unclear", s.Healed, s.Failed, s.Unclear))
	if s.Needless == nil {
		row(w, "needless: unknown: "+s.Why)
		return
	}
	row(w, fmt.Sprintf("needless: %.0f %% of the recoveries after an action would have come as soon without", math.Round(*s.Needless*100)))
}

func timed(d vigil.Duration, n int) string {
	if n == 0 {
		return "-"
	}
	digits := time.Second
	if d.D() < time.Minute {
		digits = time.Millisecond
	}
	return vigil.Duration(d.D().Round(digits)).String()
}
