package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) audit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read and verify the audit log", Args: onlyCommands, RunE: help}
	cmd.AddCommand(c.auditList(), c.auditVerify())
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

func (c *cli) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check that no audit record was changed or taken out", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			var last int64
			bad, err := audit.Verify(func(yield func(vigil.AuditRecord, error) bool) {
				for {
					recs, err := api.Audit(cmd.Context(), last, 1000)
					if err != nil {
						yield(vigil.AuditRecord{}, err)
						return
					}
					for _, r := range recs {
						if last = r.Seq; !yield(r, nil) {
							return
						}
					}
					if len(recs) == 0 {
						return
					}
				}
			})
			if err != nil {
				return err
			}
			if bad != 0 {
				return vigil.Errorf(vigil.Internal, "audit_broken", "record #%d does not follow from what is before it", bad).
					Hinted("vigil audit ls --after %d", bad-2)
			}
			return c.print(map[string]int64{"verified_up_to": last}, func(w io.Writer) {
				row(w, fmt.Sprintf("verified up to #%d", last))
			})
		},
	}
}
