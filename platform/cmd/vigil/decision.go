package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) decision() *cobra.Command {
	cmd := &cobra.Command{Use: "decision", Short: "Read and replay what policies decided", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.decisionList(), c.decisionShow(), c.decisionReplay())
	return cmd
}

func (c *cli) decisionList() *cobra.Command {
	var policy string
	var limit int
	cmd := &cobra.Command{
		Use: "ls", Short: "List decisions, newest first", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			all, err := api.Decisions(cmd.Context(), policy, limit)
			if err != nil {
				return err
			}
			return c.print(all, func(w io.Writer) {
				row(w, "ID", "WHEN", "POLICY", "TARGET", "SAYS", "VALUE", "REASON")
				for _, d := range all {
					row(w, d.ID, ago(d.Received), d.Policy, d.Target, d.Verdict, exact(d.Value), cut(d.Reason, 60))
				}
			})
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", "only those of this `policy`")
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this many")
	return cmd
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (c *cli) decisionShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a decision with what it rests on", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			d, err := api.Decision(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.print(d, func(w io.Writer) { drawDecision(w, d) })
		},
	}
}

func drawDecision(w io.Writer, d vigil.Decision) {
	row(w, "says", fmt.Sprintf("%s, value %s", d.Verdict, exact(d.Value)), d.Reason)
	row(w, "about", d.Target, d.Series)
	row(w, "policy", fmt.Sprintf("%s, revision %d", d.Policy, d.Revision), string(d.Settings))
	row(w, "module", d.Digest)
	row(w, "sample", d.At.Format(time.RFC3339Nano), "received "+d.Received.Format(time.RFC3339Nano))
	if d.Silence != nil {
		row(w, "silent", "newest sample "+d.Silence.Newest.Format(time.RFC3339Nano), "looked at "+d.Silence.Looked.Format(time.RFC3339Nano))
	}
	if d.Engine != "" {
		row(w, "judged by", d.Engine, fmt.Sprintf("evaluation %d at %s", d.Seq, d.Evaluated.Format(time.RFC3339Nano)))
	}
	for _, s := range d.Samples {
		row(w, "saw", s.Time.Format(time.RFC3339Nano), exact(s.Value))
	}
	for _, call := range d.Calls {
		row(w, "asked", call.Op+" "+call.Target, cut(string(call.Request), 80), cut(string(call.Reply), 80)+call.Code)
	}
}
