package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (c *cli) audit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read and verify the audit log", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.auditList(), c.auditVerify(), c.auditTip(), c.auditRekey())
	return cmd
}

func (c *cli) auditList() *cobra.Command {
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use: "ls", Short: "List the newest audit records", Aliases: []string{"list"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			recs, err := api.Audit(cmd.Context(), after, limit)
			if err != nil {
				return err
			}
			return c.print(recs, func(w io.Writer) {
				row(w, "SEQ", "WHEN", "BY", "WHAT", "OBJECT", "TARGET", "MESSAGE")
				for _, r := range recs {
					row(w, r.Seq, ago(r.At), r.By, r.Verb, short(r.Object), orDash(r.Target), r.Message)
				}
			})
		},
	}
	cmd.Flags().Int64Var(&after, "after", -1, "instead of the newest, those behind this `number`")
	cmd.Flags().IntVar(&limit, "limit", 30, "at most this many")
	return cmd
}
