package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) remediationApprove() *cobra.Command {
	var yes bool
	var version int64
	cmd := &cobra.Command{
		Use: "approve ID", Short: "Let a remediation that waits for a person go on", Args: cobra.ExactArgs(1),
		Long: `Let a remediation that waits for a person go on. It shows what would be done and
asks. Only what was shown is approved: if it changed meanwhile, look at it anew.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			if version == 0 {
				seen, err := api.Remediation(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				version = seen.Version
				drawPlan(c.err, seen)
				if err := c.agree(yes, seen); err != nil {
					return err
				}
			}
			r, err := api.Approve(cmd.Context(), args[0], version)
			if err != nil {
				return err
			}
			return c.print(r, func(w io.Writer) { row(w, r.ID, stateOf(r), r.Target) })
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().Int64Var(&version, "version", 0, "approve this `version`, as it was read before, and do not ask")
	return cmd
}

// drawPlan says what a remediation would do.
func drawPlan(w io.Writer, r vigil.Remediation) {
	fmt.Fprintf(w, "%s on %s, because %s\n", plain(r.ID), plain(r.Target.String()), plain(r.Reason))
	for i, s := range r.Runbook {
		mark := " "
		if i == r.Step {
			mark = ">"
		}
		fmt.Fprintf(w, "%s %d. %s %s (at most %s)\n", mark, i+1, plain(s.Action), plain(string(s.With)), s.Timeout)
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if r.Asked != "" {
		row(columns, "module", short(r.Asked))
	}
	drawPreview(columns, r.Preview)
	_ = columns.Flush() // to the terminal; who cannot see it will not say yes
}

// drawPreview says how things stand around the target now.
func drawPreview(w io.Writer, p *vigil.Preview) {
	if p == nil {
		return
	}
	group := "the group's size is not known yet"
	if p.Known > 0 {
		group = fmt.Sprintf("1 of %d known targets of %s; %d bad, %d others in treatment", p.Known, plain(p.Group), p.Bad, p.Treated)
	}
	if p.Group != "" {
		row(w, "group", group)
	}
	if p.Budget.N > 0 {
		row(w, "budget", fmt.Sprintf("%d of %s used", p.Used, p.Budget))
	}
	if !p.CooldownEnds.IsZero() {
		row(w, "cooldown", "until "+p.CooldownEnds.UTC().Format(time.RFC3339))
	}
	guards := "nothing would hold it back now"
	if p.Hold != nil {
		guards = fmt.Sprintf("%s would hold it back now: %s", p.Hold.Reason, plain(p.Hold.Detail))
	}
	row(w, "guards", guards)
	if !p.AnswerBy.IsZero() {
		row(w, "answer by", p.AnswerBy.UTC().Format(time.RFC3339))
	}
}

// agree asks whoever types, and takes only a yes for one. What has ended, or waits
// for nobody, is the server's to refuse.
func (c *cli) agree(yes bool, r vigil.Remediation) error {
	if yes || r.State != vigil.AwaitingApproval && r.State != vigil.Unknown {
		return nil
	}
	if err := c.saysYes("approve it?"); err != nil {
		return vigil.AsError(err).Hinted("where nobody can be asked: vigil remediation approve %s --yes", r.ID)
	}
	return nil
}

// isYes reads one line.
func isYes(in io.Reader) (bool, error) {
	line, err := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	word := strings.ToLower(strings.TrimSpace(line))
	return word == "y" || word == "yes", nil
}
