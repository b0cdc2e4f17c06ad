package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/platform/internal/sqlite"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) auditVerify() *cobra.Command {
	var data, key string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no audit record was changed or taken out",
		Long: `Check that no audit record was changed or taken out.

The collector checks its own log. With --data this command does, without a
collector: of a data directory, or of a backup, which needs the key file of the
directory it was made of. What is found bad is named, and the exit code is 1.`,
		Example: `  vigil audit verify
  vigil audit verify --data ./vigil-data
  vigil audit verify --data /backup/vigil-monday.db --key ./vigil-data.audit/key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			check, err := c.verified(cmd.Context(), data, key)
			c.progressEnd()
			if err != nil {
				return err
			}
			if err := c.print(check, func(w io.Writer) { drawCheck(w, check) }); err != nil || check.Bad == nil {
				return err
			}
			return broken(*check.Bad)
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "instead of asking the collector, read this `directory` or backup")
	cmd.Flags().StringVar(&key, "key", "", "with --data, the key `file` (default DATA.audit/key)")
	return cmd
}

// verified asks the collector, or looks itself.
func (c *cli) verified(ctx context.Context, data, key string) (vigil.AuditCheck, error) {
	if data != "" {
		log, err := c.keptAt(data, key)
		if err != nil {
			return vigil.AuditCheck{}, err
		}
		return log.check(ctx, c.progress("verified", auditRecords))
	}
	if key != "" {
		return vigil.AuditCheck{}, usageError{fmt.Errorf("--key goes with --data: the collector has its own")}
	}
	return c.verifiedThere(ctx, c.progress("verified", auditRecords))
}

// verifiedThere has the collector check its log, part by part.
func (c *cli) verifiedThere(ctx context.Context, progress sqlite.Progress) (all vigil.AuditCheck, err error) {
	api, err := c.client()
	if err != nil {
		return all, err
	}
	newest, err := api.Audit(ctx, -1, 1)
	if err != nil {
		return all, err
	}
	for more := true; more; {
		part, err := api.AuditCheck(ctx, all.Last, 20_000)
		if err != nil {
			return all, err
		}
		part.Records, part.Unkeyed, part.Lost = part.Records+all.Records, part.Unkeyed+all.Unkeyed, part.Lost+all.Lost
		all, more = part, part.More
		if progress != nil && len(newest) > 0 {
			progress(all.Last, newest[0].Seq)
		}
	}
	return all, nil
}

func auditRecords(n int64) string { return fmt.Sprintf("%d records", n) }

func drawCheck(w io.Writer, check vigil.AuditCheck) {
	row(w, fmt.Sprintf("verified up to #%d", check.Last))
	if check.Unkeyed > 0 {
		row(w, fmt.Sprintf("of these, %s are from before there was a key: whoever could write the database could have made them", auditRecords(check.Unkeyed)))
	}
	if check.Lost > 0 {
		row(w, fmt.Sprintf("of these, %s were made with a key that is lost: nobody can tell", auditRecords(check.Lost)))
	}
	if check.Tip == nil {
		row(w, "no newest record is known outside of the database, so a missing end would not show")
	}
}

// broken is the error for a log that is not what was written.
func broken(f vigil.AuditFault) error {
	e := vigil.Errorf(vigil.Internal, "audit_broken", "the audit log is %s: %s", f.What, f.Says).With("seq", f.Seq).With("what", f.What)
	if f.What == "key_missing" {
		return e.Hinted("name the key file with --data DIR --key FILE, or put it back")
	}
	return e.Hinted("vigil audit ls --after %d shows what surrounds it; compare with a backup: vigil audit verify --data BACKUP --key FILE", max(f.Seq-3, 0))
}
