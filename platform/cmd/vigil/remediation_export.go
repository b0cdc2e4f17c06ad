package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/audit"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) remediationExport() *cobra.Command {
	return &cobra.Command{
		Use:   "export ID",
		Short: "Write a post-mortem: what happened, on what evidence, and who did what",
		Long: `Write a post-mortem: what happened, on what evidence, and who did what.

It is Markdown: the timeline, the samples that the policy saw, the guards, the
attempts with their host calls, the verification and the audit records with their
links. With -o json it is all of the record.`,
		Example: `  vigil remediation export rem-4k2j9q8x7m > incident.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			e, err := gather(cmd.Context(), api, args[0])
			if err != nil {
				return err
			}
			if c.format != "table" {
				return c.print(e, nil)
			}
			return audit.Report(c.out, e)
		},
	}
}

// gather reads all that is known of a remediation. A decision that is no longer
// kept is left out.
func gather(ctx context.Context, api *client.Client, id string) (audit.Evidence, error) {
	r, err := api.Remediation(ctx, id)
	if err != nil {
		return audit.Evidence{}, err
	}
	var decided *vigil.Decision
	if r.Decision != "" {
		d, err := api.Decision(ctx, r.Decision)
		switch {
		case err == nil:
			decided = &d
		case vigil.KindOf(err) != vigil.NotFound:
			return audit.Evidence{}, err
		}
	}
	records, err := api.AuditFor(ctx, id)
	if err != nil {
		return audit.Evidence{}, err
	}
	return audit.Gather(r, decided, records), nil
}
